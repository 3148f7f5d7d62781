package service

// withoutExchange are the operations that have no exchange, and why.
var withoutExchange = map[string]string{
	"GetBucketConfig":           "reads configurations that have exchanges of their own",
	"HeadObjects":               "sends HeadObject for each key",
	"PresignUrl":                "sends nothing to COS",
	"CreatePostPolicy":          "sends nothing to COS",
	"IssueTemporaryCredentials": "asks STS, which is no operation of COS",
	"AssumeRole":                "STS, which is no operation of COS",
	"GetFederationToken":        "STS, which is no operation of COS",
}

func permit(what, reason string) *permission { return &permission{what: what, reason: reason} }

// permissionsOfAll are the differences that any exchange may have.
var permissionsOfAll = map[string][]*permission{
	// What of COS's response no caller gets.
	byResponse: {
		permit("header Connection", "of the connection between gateway and COS"),
		permit("header Content-Length", "of the transport; the size of an object is a field where it matters"),
		permit("header Date", "of the response, not of what it says"),
		permit("header Server", "always tencent-cos"),
		permit(`header Content-Type: "application/xml"`, "of the document, not of what it says"),
		permit("header Accept-Ranges", "of the transport: every object can be read in ranges"),
		permit("body /ListBucketResult/Name", "the request has it"),
		permit("body /ListBucketResult/Prefix", "the request has it"),
		permit("body /ListBucketResult/Marker", "the request has it"),
		permit("body /ListBucketResult/Delimiter", "the request has it"),
		permit("body /ListBucketResult/MaxKeys", "the request has it, or leaves it to the gateway"),
		permit("body /ListBucketResult/EncodingType", "the gateway decodes names"),
		permit("body /ListBucketResult/IsTruncated", "a next_page_token says it"),
		permit("body /ListVersionsResult/Name", "the request has it"),
		permit("body /ListVersionsResult/Prefix", "the request has it"),
		permit("body /ListVersionsResult/KeyMarker", "the request has it"),
		permit("body /ListVersionsResult/Delimiter", "the request has it"),
		permit("body /ListVersionsResult/MaxKeys", "the request has it, or leaves it to the gateway"),
		permit("body /ListVersionsResult/EncodingType", "the gateway decodes names"),
		permit("body /ListVersionsResult/IsTruncated", "a next_page_token says it"),
		permit("body /ListPartsResult/Bucket", "the request has it"),
		permit("body /ListPartsResult/Key", "the request has it"),
		permit("body /ListPartsResult/UploadId", "the request has it"),
		permit("body /ListPartsResult/PartNumberMarker", "the request has it"),
		permit("body /ListPartsResult/MaxParts", "the request has it, or leaves it to the gateway"),
		permit("body /ListPartsResult/IsTruncated", "a next_page_token says it"),
		permit(`body /ListPartsResult/StorageClass: "Standard"`, "classes arrive in capitals"),
		permit(`body /ListMultipartUploadsResult/Upload/StorageClass: "Standard"`, "classes arrive in capitals"),
		permit("body /ListMultipartUploadsResult/Bucket", "the request has it"),
		permit("body /ListMultipartUploadsResult/MaxUploads", "the request has it, or leaves it to the gateway"),
		permit("body /ListMultipartUploadsResult/IsTruncated", "a next_page_token says it"),
		permit("body /ListInventoryConfigurationResult/IsTruncated", "a next_page_token says it"),
		permit("body /ListBucketIntelligentTieringConfigurationsOutput/IsTruncated", "a next_page_token says it"),
		permit("body /InitiateMultipartUploadResult/Bucket", "the request has it"),
		permit("body /InitiateMultipartUploadResult/Key", "the request has it"),
		permit("body /AccessControlPolicy/AccessControlList/Grant/Grantee@xsi:type", "id or uri is set"),
		permit("body /Error/StringToSign", "signed by the gateway's keys: for its log only"),
		permit("body /Error/FormatString", "signed by the gateway's keys: for its log only"),
	},
	// What of the gateway's request is not as in the documentation.
	byRequest: {
		permit("header date", "the signature has its own time"),
		permit("header authorization", "the exchanges have no signatures; those of the gateway have tests of their own"),
		permit("header user-agent", "each client has its own"),
		permit("header connection", "each client manages its connections"),
		permit("header content-length", "bodies differ in white space"),
		permit(`query encoding-type: "url", want none`, "XML cannot hold every name"),
		permit(`query max-keys: "1000", want none`, "the gateway says how long a page is"),
		permit(`query max-parts: "1000", want none`, "the gateway says how long a page is"),
		permit(`query max-uploads: "1000", want none`, "the gateway says how long a page is"),
		permit(`header x-cos-metadata-directive: "Copy", want none`, "what COS does without it"),
		permit(`header content-md5: "of the body", want none`, "some official clients send it, too"),
		permit(`header content-type: "application/xml", want none`, "of the document"),
		permit("declaration", "COS needs none"),
	},
	// What the embedded COS does not respond as the documentation has it.
	byEmbedded: {
		permit(`header connection: "close", want "keep-alive"`, "the test closes each connection"),
		permit(`header connection: "close", want none`, "the test closes each connection"),
		permit(`header content-length: absent, want "0"`, "net/http leaves it out of 204 and 304, as RFC 9110 has it"),
		permit(`header content-type: absent, want "application/xml"`, "of no body; documented for some operations, without a rule"),
		permit(`declaration: "<?xml version='1.0' encoding='utf-8' ?>", want "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"`, "one spelling for all responses"),
		permit("body /Error/Message", "a text for people, not part of the interface"),
		permit("header accept-ranges", "of every object here; in the samples of GET only"),
		permit("header x-cos-bucket-region", "of all requests of a bucket here; in the samples of some"),
	},
}

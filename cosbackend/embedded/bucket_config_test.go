package embedded_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// A document is one configuration of a bucket as a client sends it. What comes back
// is the same without the white space between elements.
type document struct {
	sub    string
	text   string
	absent string // the code of a GET before; "" for a response without an error
	empty  string // the body of that response, after the XML declaration
	put    int    // status of a PUT; 0 is 200
	lasts  bool   // there is no DELETE
}

func documents() []document {
	return []document{
		{sub: "cors", absent: "NoSuchCORSConfiguration", text: `<CORSConfiguration>
			<CORSRule><ID>a</ID><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>
			<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule>
			<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod></CORSRule>
			<ResponseVary>true</ResponseVary></CORSConfiguration>`},
		{sub: "lifecycle", absent: "NoSuchLifecycleConfiguration", text: `<LifecycleConfiguration>
			<Rule><ID>r 1</ID><Filter><And><Prefix> logs/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeGreaterThan>10</ObjectSizeGreaterThan></And></Filter>
			<Status>Enabled</Status><Transition><Days>30</Days><StorageClass>ARCHIVE</StorageClass></Transition><Expiration><Days>60</Days></Expiration></Rule>
			<Rule><ID>r 2</ID><Filter></Filter><Status>Disabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>
			<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration></Rule>
			<Rule><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Enabled</Status><Expiration><Date>2026-01-01T00:00:00+08:00</Date></Expiration></Rule>
			</LifecycleConfiguration>`},
		{sub: "tagging", absent: "NoSuchTagSet", put: 204, text: `<Tagging><TagSet><Tag><Key>age</Key><Value>18</Value></Tag>
			<Tag><Key>名</Key><Value>a @ b</Value></Tag></TagSet></Tagging>`},
		{sub: "website", absent: "NoSuchWebsiteConfiguration", text: `<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument>
			<RedirectAllRequestsTo><Protocol>https</Protocol></RedirectAllRequestsTo><AutoAddressing><Status>Enabled</Status></AutoAddressing>
			<ErrorDocument><Key>e.html</Key><OriginalHttpStatus>Disabled</OriginalHttpStatus><Charity404>Enabled</Charity404></ErrorDocument>
			<RoutingRules><RoutingRule><Condition><HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><Protocol>https</Protocol><ReplaceKeyWith>404.html</ReplaceKeyWith><URLRedirect>Enabled</URLRedirect></Redirect></RoutingRule>
			<RoutingRule><Condition><KeyPrefixEquals>docs/</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>`},
		{sub: "logging", empty: "<BucketLoggingStatus/>", lasts: true, text: `<BucketLoggingStatus><LoggingEnabled><TargetBucket>` + testBucket +
			`</TargetBucket><TargetPrefix>p/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>`},
		{sub: "encryption", absent: "NoSuchEncryptionConfiguration", text: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>
			<SSEAlgorithm>KMS</SSEAlgorithm><KMSMasterKeyID>id</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`},
		{sub: "replication", absent: "ReplicationConfigurationNotFoundError", text: `<ReplicationConfiguration><Role>qcs::cam::uin/1:uin/1</Role>
			<Rule><ID>1</ID><Status>Enabled</Status><Priority>1</Priority><Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>
			<Destination><Bucket>qcs::cos:ap-beijing::b-125</Bucket><StorageClass>Standard</StorageClass></Destination>
			<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication></Rule></ReplicationConfiguration>`},
		{sub: "intelligenttiering", empty: "<IntelligentTieringConfiguration/>", lasts: true, text: `<IntelligentTieringConfiguration><Status>Enabled</Status>
			<Transition><Days>30</Days><RequestFrequent>1</RequestFrequent></Transition></IntelligentTieringConfiguration>`},
		{sub: "referer", lasts: true, text: `<RefererConfiguration><Status>Enabled</Status><RefererType>White-List</RefererType>
			<DomainList><Domain>*.qq.com</Domain><Domain>*.qcloud.com</Domain></DomainList><EmptyReferConfiguration>Allow</EmptyReferConfiguration></RefererConfiguration>`},
		{sub: "domain", absent: "DomainConfigNotFoundError", text: `<DomainConfiguration><DomainRule><Status>ENABLED</Status><Name>www.example.com</Name><Type>REST</Type>
			<ForcedReplacement>CNAME</ForcedReplacement></DomainRule></DomainConfiguration>`},
		{sub: "origin", absent: "OriginConfigurationNotFoundError", text: `<OriginConfiguration><OriginRule><RulePriority>1</RulePriority><OriginType>Mirror</OriginType>
			<OriginCondition><HTTPStatusCode>404</HTTPStatusCode><Prefix>p</Prefix></OriginCondition>
			<OriginParameter><Protocol>FOLLOW</Protocol><FollowQueryString>false</FollowQueryString><HttpHeader><NewHttpHeaders><Header><Key>x</Key><Value></Value></Header></NewHttpHeaders></HttpHeader></OriginParameter>
			<OriginInfo><HostInfo><HostName>o.example.com</HostName><Weight>1</Weight><StandbyHostName_1>s.example.com</StandbyHostName_1></HostInfo></OriginInfo></OriginRule></OriginConfiguration>`},
		{sub: "accelerate", empty: "<AccelerateConfiguration/>", lasts: true, text: `<AccelerateConfiguration><Status>Enabled</Status><Type>COS</Type></AccelerateConfiguration>`},
		{sub: "strict-signature", empty: "<StrictSignatureConfiguration/>", text: `<StrictSignatureConfiguration>
			<Rule><ID>limit_acl</ID><actionlist><action>PutObjectACL</action><action>PutBucketACL</action></actionlist>
			<headerlist><header>Host</header></headerlist><paramlist><param>acl</param></paramlist></Rule>
			<Rule><ID>test</ID><actionlist><action>Put*</action></actionlist><headerlist><header>Host</header><header>x-cos-*</header></headerlist>
			<paramlist><param>all</param></paramlist></Rule></StrictSignatureConfiguration>`},
		{sub: "intelligent-tiering&id=t.1", empty: "<IntelligentTieringConfiguration/>", text: `<IntelligentTieringConfiguration><Id>t.1</Id><Status>Enabled</Status>
			<Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>
			<Tiering><AccessTier>ARCHIVE_ACCESS</AccessTier><Days>90</Days></Tiering></IntelligentTieringConfiguration>`},
		{sub: "inventory&id=i_1", absent: "InventoryConfigurationNotFoundError", text: inventory("i_1")},
	}
}

// inventory is a configuration of a job that repeats.
func inventory(id string) string {
	return `<InventoryConfiguration><Id>` + id + `</Id><IsEnabled>true</IsEnabled><IncludedObjectVersions>All</IncludedObjectVersions>
		<Filter><And><Prefix>p</Prefix></And><Period><StartTime>1</StartTime></Period></Filter><OptionalFields><Field>Size</Field><Field>Tag</Field></OptionalFields>
		<Schedule><Frequency>Weekly</Frequency></Schedule><Destination><COSBucketDestination><Bucket>qcs::cos:ap-guangzhou::b-125</Bucket><AccountId>1</AccountId>
		<Format>CSV</Format><Encryption><SSE-COS></SSE-COS></Encryption></COSBucketDestination></Destination></InventoryConfiguration>`
}

// compact is a document as it comes back.
func compact(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String()
}

// configure puts a document with its Content-MD5.
func (c *client) configure(t testing.TB, sub, text string) response {
	t.Helper()
	return c.do(t, call{method: "PUT", query: sub, body: []byte(text), header: map[string]string{"Content-MD5": contentMD5([]byte(text))}})
}

// absentIn checks the response when there is no document.
func (d document) absentIn(t *testing.T, c *client) {
	t.Helper()
	got := c.do(t, call{method: "GET", query: d.sub})
	if d.absent != "" {
		got.want(t, 404, d.absent)
		return
	}
	want := d.empty
	if got.want(t, 200, ""); got.document() != want {
		t.Errorf("GET ?%s = %q, want %q", d.sub, got.body, want)
	}
}

// TestBucketConfigurationsComeBackAsPut holds E070, E073, E074 and E075.
func TestBucketConfigurationsComeBackAsPut(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	for _, d := range documents() {
		t.Run(d.sub, func(t *testing.T) {
			d.absentIn(t, c)
			c.configure(t, d.sub, `<!-- c --> `+d.text+"\n").want(t, max(d.put, 200), "")
			for range 2 { // the second time what came back is put
				got := c.do(t, call{method: "GET", query: d.sub}).want(t, 200, "")
				if want := compact(d.text); got.document() != want {
					t.Fatalf("GET ?%s = %s\nwant %s", d.sub, got.body, want)
				}
				if got.Header.Get("Content-Type") != "application/xml" {
					t.Errorf("Content-Type = %q", got.Header.Get("Content-Type"))
				}
				c.configure(t, d.sub, string(got.body)).want(t, max(d.put, 200), "")
			}
			if d.lasts {
				c.do(t, call{method: "DELETE", query: d.sub}).want(t, 405, "MethodNotAllowed")
				return
			}
			for range 2 {
				c.do(t, call{method: "DELETE", query: d.sub}).want(t, 204, "")
			}
			d.absentIn(t, c)
		})
	}
}

// No element may be misspelt, misplaced, missing or repeated.
// It holds E072.
func TestBucketConfigurationsAreParsedStrictly(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, d := range documents() {
		root, _, _ := strings.Cut(strings.TrimPrefix(d.text, "<"), ">")
		bad := map[string]string{
			"not XML":             "x",
			"cut":                 d.text[:len(d.text)-3],
			"another root":        strings.ReplaceAll(d.text, root+">", "Other>"),
			"an unknown element":  strings.Replace(d.text, "</"+root+">", "<Extra>1</Extra></"+root+">", 1),
			"text between":        strings.Replace(d.text, "<"+root+">", "<"+root+">text", 1),
			"a DTD":               `<!DOCTYPE a [<!ENTITY b "c">]>` + d.text,
			"a second root":       d.text + d.text,
			"a child in a leaf":   strings.Replace(d.text, "</Status>", "<b/></Status>", 1),
			"an undefined status": strings.NewReplacer("<Status>Enabled<", "<Status>On<", "<Status>ENABLED<", "<Status>On<").Replace(d.text),
		}
		for what, text := range bad {
			if text == d.text {
				continue
			}
			if got := c.configure(t, d.sub, text); got.StatusCode != 400 || got.err.Code != "MalformedXML" {
				t.Errorf("PUT ?%s with %s = %d %s, want 400 MalformedXML", d.sub, what, got.StatusCode, got.err.Code)
			}
		}
		if d.sub != "referer" { // without a body it is removed
			c.configure(t, d.sub, "").want(t, 400, "MissingRequestBodyError")
		}
		d.absentIn(t, c)
		body := []byte(d.text)
		c.do(t, call{method: "PUT", query: d.sub, body: body, header: map[string]string{"Content-MD5": contentMD5([]byte("x"))}}).want(t, 400, "BadDigest")
		c.do(t, call{method: "PUT", query: d.sub, body: body, header: map[string]string{"x-cos-storage-class": "v"}}).want(t, 501, "NotImplemented")
		c.do(t, call{method: "PUT", query: d.sub, body: body, unsigned: true}).want(t, 403, "AccessDenied")
		c.do(t, call{method: "GET", query: d.sub, unsigned: true}).want(t, 403, "AccessDenied")
		c.do(t, call{method: "GET", query: d.sub, host: hostIn("absent-1", "ap-guangzhou")}).want(t, 404, "NoSuchBucket")
	}
}

// TestBucketConfigurationsThatNeedAContentMD5 holds E071.
func TestBucketConfigurationsThatNeedAContentMD5(t *testing.T) {
	t.Parallel()
	c := open(t)
	needed := map[string]bool{"cors": true, "lifecycle": true, "tagging": true}
	for _, d := range documents() {
		got := c.do(t, call{method: "PUT", query: d.sub, body: []byte(d.text)})
		if (got.err.Code == "InvalidRequest") != needed[d.sub] {
			t.Errorf("PUT ?%s without Content-MD5 = %d %s", d.sub, got.StatusCode, got.err.Code)
		}
	}
}

// repeat writes a document with n rules.
func repeat(root, rule string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(rule, "%", fmt.Sprint(i)))
	}
	return "<" + root + ">" + b.String() + "</" + root + ">"
}

// encryptionRule is a default encryption under some names.
func encryptionRule(names ...string) string {
	var by strings.Builder
	for _, name := range names {
		by.WriteString("<" + name + "><SSEAlgorithm>AES256</SSEAlgorithm></" + name + ">")
	}
	return "<ServerSideEncryptionConfiguration><Rule>" + by.String() + "</Rule></ServerSideEncryptionConfiguration>"
}

// What official clients send comes back as they sent it, but the encryption under the
// name that they read. It holds E124.
func TestBucketConfigurationsAreTakenInEverySpelling(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	transition := func(class string) string {
		return "<LifecycleConfiguration><Rule><Prefix>logs/</Prefix><Status>Enabled</Status><Transition><Days>1</Days><StorageClass>" + class + "</StorageClass></Transition></Rule></LifecycleConfiguration>"
	}
	replica := func(bucket, class string) string {
		return "<ReplicationConfiguration><Role>r</Role><Rule><Status>Enabled</Status><Prefix></Prefix><Destination><Bucket>" + bucket + "</Bucket><StorageClass>" + class +
			"</StorageClass><EncryptionConfiguration><ReplicaKmsKeyID>key</ReplicaKmsKeyID></EncryptionConfiguration></Destination>" +
			"<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects></SourceSelectionCriteria></Rule></ReplicationConfiguration>"
	}
	origin := func(parameter, host string) string {
		return "<OriginConfiguration><OriginRule><OriginType>Mirror</OriginType><OriginParameter>" + parameter + "</OriginParameter><OriginInfo><HostInfo>" + host + "</HostInfo></OriginInfo></OriginRule></OriginConfiguration>"
	}
	const header = "<Header><Key>k</Key><Value>v</Value></Header>"
	for _, tt := range []struct{ sub, text, back string }{
		{"inventory&id=i", compact(strings.Replace(inventory("i"), ">true<", ">True<", 1)), ""},
		{"inventory&id=i", compact(strings.Replace(inventory("i"), ">true<", ">FALSE<", 1)), ""},
		{"lifecycle", transition("Standard"), ""},
		{"lifecycle", transition("STANDARD"), ""},
		{"lifecycle", transition("Standard_IA"), ""},
		{"lifecycle", transition("Archive"), ""},
		{"lifecycle", transition("Maz_Standard_IA"), ""},
		{"encryption", encryptionRule("ApplySideEncryptionConfiguration"), encryptionRule("ApplyServerSideEncryptionByDefault")},
		{"replication", replica("qcs:id/0:cos:ap-chengdu:appid/1250000000:copies", "Standard"), ""},
		{"replication", replica("qcs::cos:ap-chengdu::copies-1250000000", "Intelligent_Tiering"), ""},
		{"origin", origin("<HttpRedirectCode>301</HttpRedirectCode><HttpRedirectCode>302</HttpRedirectCode><HttpHeader><NewHttpHeader>"+header+"</NewHttpHeader></HttpHeader>", "<HostName>h</HostName>"), ""},
		{"origin", origin("<FollowRedirectionConfiguration><FollowOriginHeaders>true</FollowOriginHeaders></FollowRedirectionConfiguration><HttpHeader><ForbidFollowHttpHeaders>"+header+"</ForbidFollowHttpHeaders></HttpHeader>", privateHost("PrivateHost")+privateHost("PrivateStandbyHost_2")), ""},
	} {
		c.configure(t, tt.sub, tt.text).want(t, 200, "")
		want := tt.back
		if want == "" {
			want = tt.text
		}
		if got := c.do(t, call{method: "GET", query: tt.sub}).want(t, 200, "").document(); got != strings.TrimPrefix(want, xmlDeclaration) {
			t.Errorf("GET ?%s = %s\nwant %s", tt.sub, got, want)
		}
	}
}

// TestBucketConfigurationsAreRefusedWithTheirErrorCodes holds E072, E076 and E083.
func TestBucketConfigurationsAreRefusedWithTheirErrorCodes(t *testing.T) {
	t.Parallel()
	c := open(t)
	const (
		corsRule    = `<CORSRule><ID>%</ID><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>`
		expiration  = `<Rule><ID>%</ID><Filter><Prefix>%</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>`
		tag         = `<Tag><Key>%</Key><Value>v</Value></Tag>`
		destination = `<Rule><Status>Enabled</Status><Destination><Bucket>qcs::cos:ap-beijing::b%-1</Bucket></Destination></Rule>`
		index       = `<IndexDocument><Suffix>i</Suffix></IndexDocument>`
		domain      = `<DomainRule><Status>ENABLED</Status><Name>a.example.com</Name><Type>REST</Type></DomainRule>`
	)
	lifecycle := func(rules string) string { return "<LifecycleConfiguration>" + rules + "</LifecycleConfiguration>" }
	rule := func(filter, actions string) string {
		return "<Rule><Filter>" + filter + "</Filter><Status>Enabled</Status>" + actions + "</Rule>"
	}
	tags := func(tags string) string { return "<Tagging><TagSet>" + tags + "</TagSet></Tagging>" }
	website := func(rest string) string { return "<WebsiteConfiguration>" + rest + "</WebsiteConfiguration>" }
	routing := func(condition, redirect string) string {
		return website(index + "<RoutingRules><RoutingRule><Condition>" + condition + "</Condition><Redirect>" + redirect + "</Redirect></RoutingRule></RoutingRules>")
	}
	logging := func(bucket, prefix string) string {
		return "<BucketLoggingStatus><LoggingEnabled><TargetBucket>" + bucket + "</TargetBucket><TargetPrefix>" + prefix + "</TargetPrefix></LoggingEnabled></BucketLoggingStatus>"
	}
	c.do(t, call{method: "PUT", host: hostIn("away-1", "ap-beijing")}).want(t, 200, "")
	for _, tt := range []struct{ sub, text, code string }{
		{"cors", repeat("CORSConfiguration", corsRule, 1000), "XMLSizeLimit"},
		{"cors", repeat("CORSConfiguration", strings.ReplaceAll(corsRule, "%", "a"), 2), "InvalidArgument"},
		{"cors", repeat("CORSConfiguration", strings.ReplaceAll(corsRule, "*", "*.*"), 1), "InvalidArgument"},
		{"cors", repeat("CORSConfiguration", strings.ReplaceAll(corsRule, "GET", "OPTIONS"), 1), "MalformedXML"},
		{"cors", "<CORSConfiguration></CORSConfiguration>", "MalformedXML"},
		{"lifecycle", repeat("LifecycleConfiguration", expiration, 1000), ""},
		{"lifecycle", repeat("LifecycleConfiguration", expiration, 1001), "MalformedXML"},
		{"lifecycle", repeat("LifecycleConfiguration", strings.Replace(expiration, "%", "a", 1), 2), "InvalidArgument"},
		{"lifecycle", repeat("LifecycleConfiguration", strings.Replace(expiration, "<Prefix>%", "<Prefix>a", 1), 2), "InvalidRequest"},
		{"lifecycle", lifecycle(rule("", "")), "MalformedXML"},
		{"lifecycle", lifecycle(rule("<Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>", "<Expiration><Days>1</Days></Expiration>")), "MalformedXML"},
		{"lifecycle", lifecycle(rule("", "<Expiration><Days>1</Days><Date>2026-01-01T00:00:00Z</Date></Expiration>")), "InvalidArgument"},
		{"lifecycle", lifecycle(rule("", "<Transition><Days>1</Days><StorageClass>ARCHIVE</StorageClass></Transition><Expiration><Date>2026-01-01T00:00:00Z</Date></Expiration>")), "InvalidArgument"},
		{"lifecycle", lifecycle(rule("<Prefix>a</Prefix>", "<Expiration><Days>1</Days></Expiration>")[:6] + "<Prefix>b</Prefix>" + rule("<Prefix>a</Prefix>", "<Expiration><Days>1</Days></Expiration>")[6:]), "MalformedXML"},
		{"lifecycle", lifecycle(rule("", "<Expiration><Days>0</Days></Expiration>")), "InvalidArgument"},
		{"lifecycle", lifecycle(rule("", "<Expiration><Date>tomorrow</Date></Expiration>")), "MalformedXML"},
		{"lifecycle", lifecycle(rule("", "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>")), "MalformedXML"},
		{"tagging", tags(repeat("", tag, 50)[2 : len(repeat("", tag, 50))-3]), ""},
		{"tagging", tags(repeat("", tag, 51)[2 : len(repeat("", tag, 51))-3]), "InvalidTag"},
		{"tagging", tags(tag + tag), "InvalidTag"},
		{"tagging", tags("<Tag><Key></Key><Value>v</Value></Tag>"), "InvalidTag"},
		{"tagging", tags("<Tag><Key>k</Key><Value>" + strings.Repeat("v", 256) + "</Value></Tag>"), "InvalidTag"},
		{"tagging", tags("<Tag><Key>k</Key></Tag>"), "MalformedXML"},
		{"website", website(""), "MalformedXML"},
		{"website", website("<IndexDocument><Suffix>a/b</Suffix></IndexDocument>"), "InvalidArgument"},
		{"website", website(index + strings.Repeat(" ", 65<<10)), "XMLSizeLimit"},
		{"website", routing("<KeyPrefixEquals>a</KeyPrefixEquals>", ""), "MalformedXML"},
		{"website", routing("<HttpErrorCodeReturnedEquals>500</HttpErrorCodeReturnedEquals>", "<ReplaceKeyWith>a</ReplaceKeyWith>"), "MalformedXML"},
		{"website", routing("<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>", "<ReplaceKeyPrefixWith>a</ReplaceKeyPrefixWith>"), "InvalidArgument"},
		{"logging", logging("absent-1", ""), "InvalidTargetBucketForLogging"},
		{"logging", logging("away-1", ""), "InvalidTargetBucketForLogging"},
		{"logging", logging(testBucket, "/p"), "LoggingPrefixInvalid"},
		{"logging", "<BucketLoggingStatus></BucketLoggingStatus>", ""},
		{"replication", "<ReplicationConfiguration><Role>r</Role>" + strings.ReplaceAll(destination, "%", "0") + strings.ReplaceAll(destination, "%", "1") + "</ReplicationConfiguration>", "MultiBucketNotSupport"},
		{"replication", "<ReplicationConfiguration><Role>r</Role>" + strings.ReplaceAll(destination, "qcs", "x") + "</ReplicationConfiguration>", "InvalidArgument"},
		{"encryption", "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>i</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>", "InvalidArgument"},
		{"encryption", "<ServerSideEncryptionConfiguration><Rule></Rule></ServerSideEncryptionConfiguration>", "MalformedXML"},
		{"encryption", encryptionRule("ApplyServerSideEncryptionByDefault", "ApplySideEncryptionConfiguration"), "MalformedXML"},
		{"origin", "<OriginConfiguration><OriginRule><OriginType>Mirror</OriginType><OriginInfo><HostInfo><Weight>1</Weight></HostInfo></OriginInfo></OriginRule></OriginConfiguration>", "MalformedXML"},
		{"domain", "<DomainConfiguration>" + domain + domain + "</DomainConfiguration>", "DomainConfigConflict"},
		{"domain", "<DomainConfiguration>" + strings.ReplaceAll(domain, "a.example.com", "example") + "</DomainConfiguration>", "InvalidArgument"},
		{"inventory", inventory("a"), "InvalidArgument"},
		{"inventory&id=b", inventory("a"), "InvalidArgument"},
		{"inventory&id=a%2Fb", inventory("a/b"), "InvalidArgument"},
		{"inventory&id=" + strings.Repeat("i", 128), inventory(strings.Repeat("i", 128)), ""},
		{"inventory&id=" + strings.Repeat("i", 129), inventory(strings.Repeat("i", 129)), "InvalidArgument"},
		{"encryption", strings.Repeat(" ", 1<<20+1), "XMLSizeLimit"},
	} {
		got := c.configure(t, tt.sub, tt.text)
		if got.err.Code != tt.code || tt.code != "" && got.StatusCode != map[bool]int{true: 409, false: 400}[tt.code == "DomainConfigConflict"] {
			t.Errorf("PUT ?%s %.300s = %d %s (%s), want %q", tt.sub, tt.text, got.StatusCode, got.err.Code, got.err.Message, tt.code)
		}
	}
}

// TestPutBucketLifecycleRefusesConflictingRules holds E080.
func TestPutBucketLifecycleRefusesConflictingRules(t *testing.T) {
	t.Parallel()
	c := open(t)
	const rule = "<Rule><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>"
	got := c.configure(t, "lifecycle", "<LifecycleConfiguration>"+rule+rule+"</LifecycleConfiguration>").want(t, 400, "InvalidRequest")
	if got.err.Message != "Conflict lifecycle rule" {
		t.Errorf("message = %q", got.err.Message)
	}
	disabled := strings.ReplaceAll(rule, "Enabled", "Disabled")
	c.configure(t, "lifecycle", "<LifecycleConfiguration>"+rule+disabled+"</LifecycleConfiguration>").want(t, 200, "")
}

func TestDeleteBucketRemovesItsConfigurations(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	for _, d := range documents() {
		c.configure(t, d.sub, d.text).want(t, max(d.put, 200), "")
	}
	c.do(t, call{method: "PUT", query: "policy", body: []byte(readPolicy)}).want(t, 204, "")
	c.do(t, call{method: "DELETE"}).want(t, 204, "")
	c.do(t, call{method: "GET", query: "cors"}).want(t, 404, "NoSuchBucket")
	c.do(t, call{method: "PUT"}).want(t, 200, "")
	for _, d := range documents() {
		d.absentIn(t, c)
	}
	c.do(t, call{method: "GET", query: "policy"}).want(t, 404, "NoSuchBucketPolicy")
}

func TestBucketConfigurationsSurviveARestart(t *testing.T) {
	t.Parallel()
	opts := func(dir string) func(*embedded.Options) { return func(o *embedded.Options) { o.Dir = dir } }
	dir := t.TempDir()
	t.Run("written", func(t *testing.T) {
		open(t, opts(dir)).configure(t, "accelerate", documents()[11].text).want(t, 200, "")
	})
	got := open(t, opts(dir)).do(t, call{method: "GET", query: "accelerate"}).want(t, 200, "")
	if want := compact(documents()[11].text); got.document() != want {
		t.Errorf("GET ?accelerate after a restart = %s, want %s", got.body, want)
	}
}

func TestGetBucketDomainReturnsTheVerificationText(t *testing.T) {
	t.Parallel()
	c := open(t)
	const header = "x-cos-domain-txt-verification"
	before := c.do(t, call{method: "GET", query: "domain"}).want(t, 404, "DomainConfigNotFoundError").Header.Get(header)
	if !strings.HasPrefix(before, "tencent-cloud-cos-verification=") {
		t.Errorf("%s = %q", header, before)
	}
	if got := c.configure(t, "domain", documents()[9].text).want(t, 200, "").Header.Get(header); got != "" {
		t.Errorf("%s of a PUT = %q, want none", header, got)
	}
	if after := c.do(t, call{method: "GET", query: "domain"}).want(t, 200, "").Header.Get(header); after != before {
		t.Errorf("%s = %q, then %q", header, before, after)
	}
}

// TestPutBucketRefererWithoutBodyRemovesIt holds E074.
func TestPutBucketRefererWithoutBodyRemovesIt(t *testing.T) {
	t.Parallel()
	c := open(t)
	d := documents()[8]
	c.configure(t, d.sub, d.text).want(t, 200, "")
	c.configure(t, d.sub, "").want(t, 200, "")
	d.absentIn(t, c)
}

// TestPutBucketLifecycleAndReplicationRefuseAnObjectLock holds E093.
func TestPutBucketLifecycleAndReplicationRefuseAnObjectLock(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.versioning(t, "Enabled")
	c.lockBucket(t, 0).want(t, 200, "")
	for _, d := range documents() {
		want, code := max(d.put, 200), ""
		if d.sub == "lifecycle" || d.sub == "replication" {
			want, code = 409, "BucketLocked"
		}
		c.configure(t, d.sub, d.text).want(t, want, code)
	}
}

// TestPutBucketReplicationNeedsVersioning holds E083.
func TestPutBucketReplicationNeedsVersioning(t *testing.T) {
	t.Parallel()
	c := open(t)
	var text string
	for _, d := range documents() {
		if d.sub == "replication" {
			text = d.text
		}
	}
	c.configure(t, "replication", text).want(t, 400, "BucketVersionNotOpen")
	c.versioning(t, "Suspended")
	c.configure(t, "replication", text).want(t, 400, "BucketVersionNotOpen")
	c.do(t, call{method: "GET", query: "replication"}).want(t, 404, "ReplicationConfigurationNotFoundError")
	c.versioning(t, "Enabled")
	c.configure(t, "replication", text).want(t, 200, "")
	c.versioning(t, "Suspended")
	c.do(t, call{method: "GET", query: "replication"}).want(t, 200, "")
}

// Each configuration that the server stores must come back as it was put.
func TestBucketConfigDocumentsHaveEachConfiguration(t *testing.T) {
	t.Parallel()
	for _, name := range embedded.ConfigurationNames() {
		if !slices.ContainsFunc(documents(), func(d document) bool { return d.sub == name }) {
			t.Errorf("documents() lacks one for ?%s", name)
		}
		if name != strings.ToLower(name) {
			t.Errorf("the sub-resource %q is not in lower case, so no request finds it", name)
		}
	}
}

package embedded_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cosgate/cosgate/cosbackend/embedded"
)

// A tree is a document of a test.
type tree struct {
	XMLName  xml.Name
	Text     string     `xml:",chardata"`
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []*tree    `xml:",any"`
}

func parseTree(t testing.TB, text string) *tree {
	t.Helper()
	var root tree
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &root
}

func (n *tree) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n *tree) write(b *strings.Builder) {
	b.WriteString("<" + n.XMLName.Local)
	for _, a := range n.Attrs {
		b.WriteString(" " + a.Name.Local + `="`)
		_ = xml.EscapeText(b, []byte(a.Value)) // a Builder never fails
		b.WriteString(`"`)
	}
	b.WriteString(">")
	if len(n.Children) == 0 {
		_ = xml.EscapeText(b, []byte(n.Text))
	}
	for _, c := range n.Children {
		c.write(b)
	}
	b.WriteString("</" + n.XMLName.Local + ">")
}

// A sample is a document of one kind, with requests that send it. Samples have every
// element that the server knows.
type sample struct {
	call call
	text string
	kind string // in embedded.Elements; "" is the root
}

// privateHost is a host of an origin that is read with credentials.
func privateHost(name string) string {
	return "<" + name + "><Host>h</Host><CredentialProvider><AuthorizationAlgorithm>a</AuthorizationAlgorithm><Region>r</Region><SecretId>i</SecretId>" +
		"<SecretKey>k</SecretKey><EncryptedSecretKey>e</EncryptedSecretKey><Role>r</Role></CredentialProvider></" + name + ">"
}

func samples() []sample {
	put := func(sub, text string) sample { return sample{call: call{method: "PUT", query: sub}, text: text} }
	of := func(s sample, method, key, kind string) sample {
		s.call.method, s.call.key, s.kind = method, key, kind
		return s
	}
	all := []sample{
		put("", "<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig><BucketArchConfig>OFS</BucketArchConfig><BucketStorageClass>s</BucketStorageClass></CreateBucketConfiguration>"),
		put("versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
		put("object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"),
		of(put("retention", "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>"), "PUT", "k", ""),
		of(put("restore", "<RestoreRequest><Days>1</Days><CASJobParameters><Tier>Bulk</Tier></CASJobParameters></RestoreRequest>"), "POST", "k", ""),
		of(put("tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"), "PUT", "k", ""),
		of(put("delete", "<Delete><Quiet>true</Quiet><Object><Key>k</Key><VersionId>v</VersionId></Object></Delete>"), "POST", "", ""),
		of(put("uploadId=x", "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>1</Size><LastModified>2</LastModified></Part></CompleteMultipartUpload>"), "POST", "k", ""),
		put("acl", `<AccessControlPolicy><Owner><ID>o</ID><DisplayName>o</DisplayName></Owner><AccessControlList>
			<Grant><Grantee><ID>i</ID><DisplayName>d</DisplayName><URI>u</URI><uin>1</uin><Subaccount>2</Subaccount></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`),
		put("domaincertificate", certificate("id", "c", "p")),
		put("lifecycle", `<LifecycleConfiguration><Rule><ID>i</ID><Prefix>p</Prefix><Status>Enabled</Status>
			<Filter><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><PrefixNotEquals>n</PrefixNotEquals>
			<ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter>
			<Transition><Days>1</Days><Date>2030-01-01T00:00:00Z</Date><StorageClass>ARCHIVE</StorageClass><AccessFrequency><AccessCountLessThan>1</AccessCountLessThan><RecentDays>2</RecentDays></AccessFrequency></Transition>
			<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>
			<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>
			<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>ARCHIVE</StorageClass><AccessFrequency><AccessCountLessThan>1</AccessCountLessThan><RecentDays>2</RecentDays></AccessFrequency></NoncurrentVersionTransition>
			<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>`),
		put("encryption", `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>KMS</SSEAlgorithm><KMSMasterKeyID>i</KMSMasterKeyID><KMSAlgorithm>a</KMSAlgorithm>
			</ApplyServerSideEncryptionByDefault><ApplySideEncryptionConfiguration><SSEAlgorithm>KMS</SSEAlgorithm><KMSMasterKeyID>i</KMSMasterKeyID><KMSAlgorithm>a</KMSAlgorithm>
			</ApplySideEncryptionConfiguration></Rule></ServerSideEncryptionConfiguration>`),
		put("replication", `<ReplicationConfiguration><Role>r</Role><Rule><ID>1</ID><Status>Enabled</Status><Priority>1</Priority><Prefix>p</Prefix>
			<Filter><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>
			<Destination><Bucket>qcs::cos:ap-beijing::b-125</Bucket><StorageClass>Standard</StorageClass><EncryptionConfiguration><ReplicaKmsKeyID>k</ReplicaKmsKeyID></EncryptionConfiguration></Destination>
			<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication><SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects></SourceSelectionCriteria></Rule></ReplicationConfiguration>`),
		of(put("intelligenttiering", `<IntelligentTieringConfiguration><Status>Enabled</Status><Transition><Days>30</Days><RequestFrequent>1</RequestFrequent></Transition></IntelligentTieringConfiguration>`), "PUT", "", "intelligenttiering"),
		put("intelligent-tiering&id=t", `<IntelligentTieringConfiguration><Id>t</Id><Status>Enabled</Status>
			<Filter><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>
			<Tiering><AccessTier>ARCHIVE_ACCESS</AccessTier><Days>90</Days><RequestFrequent>1</RequestFrequent></Tiering></IntelligentTieringConfiguration>`),
		put("referer", `<RefererConfiguration><Status>Enabled</Status><RefererType>White-List</RefererType><DomainList><Domain>a.example.com</Domain></DomainList>
			<EmptyReferConfiguration>Allow</EmptyReferConfiguration><VerifySignatureURL>Allow</VerifySignatureURL></RefererConfiguration>`),
		put("origin", `<OriginConfiguration><OriginRule><RulePriority>1</RulePriority><OriginType>Mirror</OriginType>
			<OriginCondition><HTTPStatusCode>404</HTTPStatusCode><Prefix>p</Prefix><Suffix>s</Suffix><FilterHost><ForbidHost><DomainList><Domain>d</Domain></DomainList></ForbidHost></FilterHost></OriginCondition>
			<OriginParameter><Protocol>FOLLOW</Protocol><TransparentErrorCode>true</TransparentErrorCode><FollowQueryString>true</FollowQueryString><FollowRedirection>true</FollowRedirection>
			<FollowRedirectionConfiguration><FollowOriginHeaders>true</FollowOriginHeaders><FollowUrlAutoDecode>true</FollowUrlAutoDecode></FollowRedirectionConfiguration>
			<CopyOriginData>true</CopyOriginData><HttpRedirectCode>302</HttpRedirectCode>
			<HttpHeader><FollowAllHeaders>true</FollowAllHeaders><NewHttpHeaders><Header><Key>x</Key><Value>y</Value></Header></NewHttpHeaders>
			<NewHttpHeader><Header><Key>x</Key><Value>y</Value></Header></NewHttpHeader><ForbidFollowHttpHeaders><Header><Key>x</Key><Value>y</Value></Header></ForbidFollowHttpHeaders>
			<FollowHttpHeaders><Header><Key>x</Key><Value>y</Value></Header></FollowHttpHeaders><ForbidFollowHeaders><Header><Key>x</Key><Value>y</Value></Header></ForbidFollowHeaders></HttpHeader></OriginParameter>
			<HTTPStandbyCode><StatusCode>503</StatusCode></HTTPStandbyCode>
			<OriginInfo><HostInfo><HostName>h</HostName><Weight>1</Weight><StandbyHostName_1>s</StandbyHostName_1>`+privateHost("PrivateHost")+privateHost("PrivateStandbyHost_1")+`</HostInfo>
			<FileInfo><PrefixDirective>true</PrefixDirective><Prefix>p</Prefix><Suffix>s</Suffix><PrefixConfiguration><Prefix>p</Prefix><ReplacedWithPrefix>r</ReplacedWithPrefix></PrefixConfiguration>
			<SuffixConfiguration><Suffix>s</Suffix><ReplacedWithSuffix>r</ReplacedWithSuffix></SuffixConfiguration><FixedFileConfiguration><FixedFilePath>f</FixedFilePath></FixedFileConfiguration></FileInfo></OriginInfo></OriginRule></OriginConfiguration>`),
		put("inventory&id=i", `<InventoryConfiguration><Id>i</Id><IsEnabled>true</IsEnabled><IncludedObjectVersions>All</IncludedObjectVersions>
			<Filter><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><StorageClass>c</StorageClass>
			<And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><StorageClass>c</StorageClass></And><Period><StartTime>1</StartTime><EndTime>2</EndTime></Period></Filter>
			<OptionalFields><Field>Size</Field></OptionalFields><Schedule><Frequency>Monthly</Frequency><MonthlyDate>1</MonthlyDate></Schedule>
			<Destination><COSBucketDestination><Bucket>b</Bucket><AccountId>1</AccountId><Prefix>p</Prefix><Format>CSV</Format><Encryption><SSE-COS></SSE-COS></Encryption></COSBucketDestination></Destination></InventoryConfiguration>`),
	}
	for _, d := range documents() {
		if slices.Contains([]string{"cors", "tagging", "website", "logging", "domain", "accelerate", "strict-signature"}, d.sub) {
			all = append(all, put(d.sub, d.text))
		}
	}
	return all
}

// A mutation is what was done to one element of a sample, and what the message must say.
type mutation struct{ document, says string }

// mutations changes each element of a sample in each way that the server must refuse.
func (s sample) mutations(t *testing.T, known map[string]embedded.Element) (all []mutation) {
	root := parseTree(t, s.text)
	name := root.XMLName.Local
	add := func(format string, args ...any) {
		all = append(all, mutation{root.String(), fmt.Sprintf(format, args...)})
	}
	var visit func(n *tree, kind, place string)
	visit = func(n *tree, kind, place string) {
		below := place
		if place == "" {
			place = name
		}
		children, count := n.Children, make(map[string]int)
		for i, c := range children {
			called := c.XMLName.Local
			e, ok := known[kind+"/"+called]
			if !ok {
				e, ok = known[kind+"/"+strings.TrimRight(called, "0123456789")+"#"]
			}
			if !ok {
				t.Errorf("%s/%s is not an element that the server knows", kind, called)
				continue
			}
			others := slices.Delete(slices.Clone(children), i, i+1)
			if alone := !slices.ContainsFunc(others, func(o *tree) bool { return o.XMLName.Local == called }); e.Needed && alone {
				n.Children = others
				add("in %s the element %s is missing.", place, called)
			}
			if !e.Repeats {
				n.Children = slices.Insert(slices.Clone(children), i, c)
				add("in %s the element %s is repeated.", place, called)
			}
			n.Children = children
			c.XMLName.Local = called + "x"
			add("in %s the element %sx is not known; it can have ", place, called)
			c.XMLName.Local = called
			path := strings.TrimPrefix(below+"/"+called, "/")
			if count[called]++; e.Repeats {
				path += fmt.Sprintf("[%d]", count[called])
			}
			if text := c.Text; e.Limited {
				for _, wrong := range []string{"", "no such value"} {
					if e.Values == "set" && wrong != "" || strings.HasPrefix(e.Values, "a ") && wrong == "" {
						continue
					}
					c.Text = wrong
					add("%s is %q; it must be %s.", path, wrong, e.Values)
				}
				c.Text = text
			}
			visit(c, e.Path, path)
		}
	}
	visit(root, name, "")
	return all
}

// MalformedXML names the element at fault, where it is, and why. It holds E122.
func TestMalformedXMLNamesTheElement(t *testing.T) {
	t.Parallel()
	const text = "The XML you provided was not well formed or did not validate against our published schema: "
	elements, seen := embedded.Elements(), make(map[string]bool)
	for _, s := range samples() {
		kind := s.kind
		if kind == "" {
			kind = parseTree(t, s.text).XMLName.Local
		}
		known := make(map[string]embedded.Element)
		for _, e := range elements[kind] {
			known[e.Path] = e
			if leaf := e.Path[strings.LastIndex(e.Path, "/")+1:]; !strings.Contains(s.text, "<"+strings.TrimSuffix(leaf, "#")) {
				t.Errorf("the sample of %s lacks %s", kind, e.Path)
			}
		}
		seen[kind] = true
		t.Run(s.call.method+s.call.query, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			for _, m := range s.mutations(t, known) {
				request := s.call
				request.body, request.header = []byte(m.document), map[string]string{"Content-MD5": contentMD5([]byte(m.document))}
				got := c.do(t, request)
				if got.StatusCode != 400 || got.err.Code != "MalformedXML" || !strings.HasPrefix(got.err.Message, text+m.says) {
					t.Errorf("%s\n= %d %s\n %s\nwant %s", m.document, got.StatusCode, got.err.Code, got.err.Message, m.says)
				}
			}
		})
	}
	for kind := range elements {
		if !seen[kind] {
			t.Errorf("there is no sample of %s", kind)
		}
	}
}

// Every document is parsed by a shape that TestMalformedXMLNamesTheElement knows.
func TestMalformedXMLNamesTheElementOfEveryShape(t *testing.T) {
	t.Parallel()
	listed, err := os.ReadFile("export_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	parsed := regexp.MustCompile(`\bparse(?:Document|Configuration)\(text, (\w+\.?\w*)|\bparseDocument\(\w+, (\w+)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range parsed.FindAllStringSubmatch(string(text), -1) {
			shape := m[1] + m[2]
			if strings.HasSuffix(file, "_test.go") || shape == "c.shape" || shape == "d.shape" || shape == "s" || shape == "taggingShape" { // of configurations
				continue
			}
			if !strings.Contains(string(listed), shape+"()") {
				t.Errorf("%s parses %s, which Elements does not list", file, shape)
			}
		}
	}
}

// What is not well formed is named with its line.
func TestMalformedXMLNamesWhatIsNotWellFormed(t *testing.T) {
	t.Parallel()
	c := open(t)
	for text, says := range map[string]string{
		"x":                "there is text before the root element.",
		" ":                "it has no element.",
		"<Other></Other>":  "the root element is Other; it must be VersioningConfiguration.",
		"<!DOCTYPE a><a/>": "it must not have a DTD.",
		"<a>":              "the root element is a; it must be VersioningConfiguration.",
		"<?xml version='1.0' encoding='latin1'?><VersioningConfiguration/>":                     "xml: encoding \"latin1\" declared",
		"<VersioningConfiguration>\n<Status>Enabled</Stat>":                                     "in line 2: element <Status> closed by </Stat>.",
		"<VersioningConfiguration>\n\n<Status>":                                                 "in line 3: unexpected EOF.",
		"<VersioningConfiguration>&nbsp;":                                                       "in line 1: invalid character entity &nbsp;.",
		"<VersioningConfiguration>x<Status>Enabled</Status></VersioningConfiguration>":          "in VersioningConfiguration there is text where only elements can be.",
		"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>x":          "there is text behind the root element.",
		"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration><a/>":       "the element a follows the root element.",
		"<VersioningConfiguration><Status><b/></Status></VersioningConfiguration>":              "in Status the element b is not known; it has a text only.",
		"<VersioningConfiguration><" + strings.Repeat("S", 99) + "/></VersioningConfiguration>": "in VersioningConfiguration the element " + strings.Repeat("S", 64) + "… is not known; it can have Status.",
	} {
		got := c.do(t, call{method: "PUT", query: "versioning", body: []byte(text)}).want(t, 400, "MalformedXML")
		if !strings.Contains(got.err.Message, "our published schema: "+says) {
			t.Errorf("PUT of %s: %s\nwant %s", text, got.err.Message, says)
		}
	}
}

// plant puts elements and attributes that nobody knows into every element that has
// children, and an attribute into the others.
func (n *tree) plant() {
	n.Attrs = append(n.Attrs, xml.Attr{Name: xml.Name{Local: "since"}, Value: `"2030" & <later>`})
	if len(n.Children) == 0 {
		return
	}
	for _, c := range n.Children {
		c.plant()
	}
	empty := &tree{XMLName: xml.Name{Local: "NewSwitch"}}
	filled := &tree{XMLName: xml.Name{Local: "NewList"}, Children: []*tree{
		{XMLName: xml.Name{Local: "NewItem"}, Text: " a & b "},
		{XMLName: xml.Name{Local: "NewItem"}, Attrs: []xml.Attr{{Name: xml.Name{Local: "kind"}, Value: "k"}}},
	}}
	n.Children = append([]*tree{empty, n.Children[0], filled}, n.Children[1:]...)
}

// With KeepUnknownElements a document comes back with what the server does not know,
// where it was, also after a restart; and it is honoured as far as it is known. It holds E123.
func TestKeepUnknownElementsReturnsThemInPlace(t *testing.T) {
	t.Parallel()
	all := []document{{sub: "versioning", text: "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"}}
	all = append(all, documents()...)
	all = append(all,
		document{sub: "acl", text: `<AccessControlPolicy><AccessControlList><Grant><Grantee><URI>` + everyone + `</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`},
		document{sub: "object-lock", text: "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"},
	)
	dir := t.TempDir()
	keep := func(keep bool) func(o *embedded.Options) {
		return func(o *embedded.Options) { o.KeepUnknownElements, o.Dir = keep, dir }
	}
	planted := make(map[string]string)
	for _, d := range all {
		root := parseTree(t, d.text)
		root.plant()
		planted[d.sub] = root.String()
	}
	read := func(t *testing.T, c *client) {
		for _, d := range all {
			got := c.do(t, call{method: "GET", query: d.sub}).want(t, 200, "")
			if want := planted[d.sub]; parseTree(t, string(got.body)).String() != parseTree(t, want).String() {
				t.Errorf("GET ?%s = %s\nwant %s", d.sub, got.body, want)
			}
		}
	}
	t.Run("written", func(t *testing.T) {
		c := open(t, keep(true))
		for _, d := range all {
			c.configure(t, d.sub, planted[d.sub]).want(t, max(d.put, 200), "")
		}
		read(t, c)
		c.do(t, call{method: "PUT", key: "k"}).want(t, 200, "")
		c.do(t, call{method: "GET", key: "k", unsigned: true}).want(t, 200, "") // by the ACL
	})
	t.Run("read again", func(t *testing.T) {
		c := open(t, keep(true))
		read(t, c)
		c.do(t, call{method: "PUT", query: "acl", header: map[string]string{"x-cos-acl": "private"}}).want(t, 200, "")
		if got := c.do(t, call{method: "GET", query: "acl"}).want(t, 200, ""); strings.Contains(string(got.body), "New") {
			t.Errorf("GET ?acl after another one was put = %s", got.body)
		}
	})
	t.Run("without the option", func(t *testing.T) {
		c := open(t, keep(false))
		c.configure(t, "cors", planted["cors"]).want(t, 400, "MalformedXML")
		c.do(t, call{method: "GET", query: "cors"}).want(t, 200, "")
	})
}

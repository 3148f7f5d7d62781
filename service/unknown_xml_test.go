package service

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tencentyun/cos-go-sdk-v5"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cosgate/cosgate/cosbackend/embedded"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A docNode is an element of a document, or a text in one, which has no name.
type docNode struct {
	name, text string
	attributes []string // name="value", escaped
	inside     []*docNode
}

func parseNode(t *testing.T, data []byte) *docNode {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(data)))
	open := []*docNode{{}}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &docNode{name: rawName(token.Name)}
			for _, a := range token.Attr {
				n.attributes = append(n.attributes, rawName(a.Name)+`="`+escaped(a.Value)+`"`)
			}
			last.inside = append(last.inside, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				last.inside = append(last.inside, &docNode{text: string(token)})
			}
		}
	}
	return open[0].inside[0]
}

func rawName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

func (n *docNode) write(b *strings.Builder) {
	if n.name == "" {
		b.WriteString(escaped(n.text))
		return
	}
	b.WriteString("<" + strings.Join(append([]string{n.name}, n.attributes...), " ") + ">")
	for _, c := range n.inside {
		c.write(b)
	}
	b.WriteString("</" + n.name + ">")
}

func (n *docNode) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

// canonical puts attributes and elements in the order of their names, and texts in front.
// Empty lists, which the official SDK writes, are left out.
func (n *docNode) canonical() *docNode {
	slices.Sort(n.attributes)
	if n.name == "Grantee" { // whose type the gateway writes in its own way
		n.attributes = slices.DeleteFunc(n.attributes, func(a string) bool {
			return strings.HasPrefix(a, "type=") || strings.HasPrefix(a, "xmlns:xsi=") || strings.HasPrefix(a, "xsi:type=")
		})
	}
	n.inside = slices.DeleteFunc(n.inside, func(c *docNode) bool {
		isList := slices.Contains([]string{"NewHttpHeaders", "FollowHttpHeaders", "ForbidFollowHeaders"}, c.name)
		return isList && len(c.inside) == 0 && len(c.attributes) == 0
	})
	slices.SortStableFunc(n.inside, func(a, b *docNode) int { return strings.Compare(a.name, b.name) })
	for _, c := range n.inside {
		c.canonical()
	}
	return n
}

// plant puts elements and attributes that nobody knows into the element and all that it
// holds, at most as many as are left, and returns how many are left then.
func (n *docNode) plant(r *randomizer, left int) int {
	for _, i := range r.Perm(len(n.inside)) {
		if c := n.inside[i]; c.name != "" {
			left = c.plant(r, left)
		}
	}
	if left > 0 && len(n.attributes) == 0 && r.Intn(3) == 0 {
		r.count++
		n.attributes = append(n.attributes, fmt.Sprintf(`%s="%d"`, one(r, "x-new", "Newer", "xmlns:later"), r.count))
		left--
	}
	if len(n.inside) == 1 && n.inside[0].name == "" {
		return left // no element has both text and elements
	}
	for left > 0 && r.Intn(3) == 0 {
		r.count++
		inner := one(r, nil, []*docNode{{text: fmt.Sprintf("%d&", r.count)}}, []*docNode{{name: "Inner", attributes: []string{`a="1"`}}, {name: "Prefix", inside: []*docNode{{text: " "}, {name: "b"}}}})
		n.inside = append(n.inside, &docNode{name: one(r, "ZzLater", "ZzOther"), inside: inner})
		left--
	}
	return left
}

// A rawConfig reads and writes documents of a bucket of the embedded server as they are.
type rawConfig struct {
	t      *testing.T
	client *http.Client
	query  string
}

func rawConfigOf(t *testing.T, g *gateway, query string) rawConfig {
	transport := &http.Transport{DialContext: g.cos.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	pair := testPair()
	return rawConfig{t, &http.Client{Transport: &cos.AuthorizationTransport{SecretID: pair.SecretID, SecretKey: pair.SecretKey, Transport: transport}}, query}
}

func (c rawConfig) do(ctx context.Context, method, bucket string, body []byte) []byte {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+bucket+".cos."+testRegion+".myqcloud.com/?"+c.query, strings.NewReader(string(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	if method == http.MethodPut {
		sum := md5.Sum(body)
		req.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
		req.Header.Set("Content-Type", "application/xml")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode > 299 {
		c.t.Fatalf("%s %s of %s = %s, %s, %v", method, c.query, body, resp.Status, data, err)
	}
	return data
}

// configQuery is how COS is asked for the document m.
func configQuery(c configTrip, m proto.Message) string {
	switch m := m.(type) {
	case *cosgatev1.InventoryConfiguration:
		return "inventory&id=" + m.GetId()
	case *cosgatev1.IntelligentTieringConfiguration:
		return "intelligent-tiering&id=" + m.GetId()
	}
	name := strings.ToLower(c.name)
	switch c.name {
	case "StrictSignature":
		name = "strict-signature"
	case "ObjectLock":
		name = "object-lock"
	}
	return name
}

// What a newer COS has in a document, and this gateway does not know, survives being read
// and written: elements and attributes, at every level, in every configuration. Half of the
// documents were written by the official SDK.
func TestBucketConfigsKeepWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	g, r := openConfigs(t, func(s *setup) { s.cos.KeepUnknownElements = true }), newRandomizer(t, 0)
	for _, c := range configTrips() {
		if c.name == "Policy" { // a text, which is passed on as it is
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			here, there := c.buckets()
			if c.name == "Replication" {
				for _, bucket := range []string{here, there} {
					req := &cosgatev1.PutBucketVersioningRequest{Bucket: bucket, Versioning: &cosgatev1.VersioningConfiguration{Status: "Enabled"}}
					if _, err := g.configs.PutBucketVersioning(t.Context(), req); err != nil {
						t.Fatal(err)
					}
				}
			}
			planted := 0
			for round := range rounds {
				doc := c.empty()
				ofSDK := round%2 == 1 && c.copy != nil
				r.valid(t, doc, func(m proto.Message) { c.fix(r, m, ofSDK) })
				if err := c.put(t.Context(), g.configs, here, doc); err != nil {
					t.Fatalf("Put(%v) = %v", doc, err)
				}
				bucket := here
				if ofSDK {
					bucket = there
					if err := c.copy(t.Context(), sdkOf(t, g, here), sdkOf(t, g, there), doc); err != nil {
						t.Fatalf("the SDK copies %v: %v", doc, err)
					}
				}
				raw := rawConfigOf(t, g, configQuery(c, doc))
				node := parseNode(t, raw.do(t.Context(), http.MethodGet, bucket, nil))
				const most = 16 // as the contract allows in one place
				planted += most - node.plant(r, most)
				raw.do(t.Context(), http.MethodPut, bucket, []byte(node.String()))
				before := parseNode(t, raw.do(t.Context(), http.MethodGet, bucket, nil)).canonical().String()
				got, err := c.get(t.Context(), g.configs, bucket, doc)
				if err != nil {
					t.Fatalf("Get of %s = %v", before, err)
				}
				if err := c.put(t.Context(), g.configs, bucket, got); err != nil {
					t.Fatalf("Put of what was read, %v, = %v", got, err)
				}
				after := parseNode(t, raw.do(t.Context(), http.MethodGet, bucket, nil)).canonical().String()
				if before != after {
					t.Fatalf("COS had\n%s\nand has\n%s\nafter it was read as %v and written", before, after, got)
				}
			}
			if planted < rounds/3 {
				t.Errorf("%d pieces were planted in %d documents", planted, rounds)
			}
		})
	}
}

// The documents of objects are kept as those of buckets, and so is what is put with a
// certificate.
func TestObjectTagsAndAclsKeepWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	var document string
	g := respondWith(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Cos-Request-Id", "r")
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, document)
			return
		}
		body, _ := io.ReadAll(r.Body)
		document = string(body)
	})
	keeps := func(name, stored string, trip func() error) {
		t.Helper()
		document = stored
		if err := trip(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want, got := parseNode(t, []byte(stored)).canonical().String(), parseNode(t, []byte(document)).canonical().String()
		if want != got {
			t.Errorf("%s: COS had\n%s\nand has\n%s", name, want, got)
		}
	}
	keeps("tags", `<Tagging a="1"><TagSet b="2"><Tag><Key>k</Key><Value>v</Value></Tag><Tag c="3"><Key d="4">l</Key><Value>w</Value><New/></Tag><More>m</More></TagSet><Last/></Tagging>`, func() error {
		got, err := g.objects.GetObjectTagging(t.Context(), &cosgatev1.GetObjectTaggingRequest{Bucket: testBucket, Key: "k"})
		if err != nil {
			return err
		}
		_, err = g.objects.PutObjectTagging(t.Context(), &cosgatev1.PutObjectTaggingRequest{Bucket: testBucket, Key: "k", Tags: got.GetTags(), Unknown: got.GetUnknown()})
		return err
	})
	keeps("ACL", `<AccessControlPolicy a="1"><Owner b="2"><ID>o</ID><New/></Owner><AccessControlList><Grant><Grantee><ID>1</ID></Grantee><Permission>READ</Permission></Grant>`+
		`<Grant c="3"><Grantee><URI>http://g</URI><Until>2030</Until></Grantee><Permission d="4">READ</Permission></Grant></AccessControlList></AccessControlPolicy>`, func() error {
		got, err := g.objects.GetObjectAcl(t.Context(), &cosgatev1.GetObjectAclRequest{Bucket: testBucket, Key: "k"})
		if err != nil {
			return err
		}
		_, err = g.objects.PutObjectAcl(t.Context(), &cosgatev1.PutObjectAclRequest{Bucket: testBucket, Key: "k", Acl: got.GetAcl()})
		return err
	})
	document = `<DomainCertificate a="1"><Status>Enabled</Status><CertificateInfo><CertId>c</CertId><New>n</New></CertificateInfo></DomainCertificate>`
	got, err := g.configs.GetBucketDomainCertificate(t.Context(), &cosgatev1.GetBucketDomainCertificateRequest{Bucket: testBucket, Domain: "www.example.com"})
	if err != nil || len(got.GetUnknown()) != 2 {
		t.Fatalf("GetBucketDomainCertificate = %v, %v, want two pieces", got, err)
	}
	_, err = g.configs.PutBucketDomainCertificate(t.Context(), &cosgatev1.PutBucketDomainCertificateRequest{
		Bucket: testBucket, Domains: []string{"www.example.com"}, Certificate: &cosgatev1.CustomCertificate{CertId: "c"}, Unknown: got.GetUnknown(),
	})
	const want = `<DomainCertificate a="1"><CertificateInfo><CertType>CustomCert</CertType><CustomCert><CertId>c</CertId></CustomCert><New>n</New></CertificateInfo>` +
		`<DomainList><DomainName>www.example.com</DomainName></DomainList></DomainCertificate>`
	if err != nil || document != want {
		t.Errorf("PutBucketDomainCertificate = %v and sends\n%s, want\n%s", err, document, want)
	}
}

// A document has a place for what is not known, and so has each item of a list in it.
func TestUnknownXmlHasAPlaceInEveryConfiguration(t *testing.T) {
	t.Parallel()
	without := map[protoreflect.Name]string{
		"Tag":                              "it has a path with its number from the message that holds it",
		"OriginStandbyHost":                "its number is in its path",
		"BucketPolicy":                     "it is JSON",
		"InventoryConfigurations":          "it is a list of documents",
		"IntelligentTieringConfigurations": "it is a list of documents",
	}
	var check func(d protoreflect.MessageDescriptor, wanted bool)
	check = func(d protoreflect.MessageDescriptor, wanted bool) {
		if d.ParentFile().Package() != "cosgate.v1" {
			return
		}
		_, exempt := without[d.Name()]
		if f := d.Fields().ByName("unknown"); wanted && !exempt && (f == nil || !isUnknown(f)) {
			t.Errorf("%s has no field repeated UnknownXml unknown", d.Name())
		}
		for i := range d.Fields().Len() {
			if f := d.Fields().Get(i); f.Message() != nil && !isUnknown(f) {
				check(f.Message(), f.IsList())
			}
		}
	}
	sections := (&cosgatev1.BucketConfig{}).ProtoReflect().Descriptor().Fields()
	for i := range sections.Len() {
		check(sections.Get(i).Message(), true)
	}
	for _, m := range []proto.Message{
		&cosgatev1.GetBucketDomainCertificateResponse{}, &cosgatev1.PutBucketDomainCertificateRequest{},
		&cosgatev1.GetObjectTaggingResponse{}, &cosgatev1.PutObjectTaggingRequest{},
	} {
		check(m.ProtoReflect().Descriptor(), true)
	}
}

// Keys of an origin, and what nobody knows, are in no error, whatever COS quotes.
func TestPutBucketOriginErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	const key, encrypted, token, attribute, header = "PlantedSecretKeyOfAnOrigin", "PlantedEncryptedKey", "PlantedTextOfAPiece", "PlantedAttributeOfAPiece", "PlantedHeaderOfAnOrigin"
	g := respondWith(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, secret := range []string{key, encrypted, token, attribute, header} {
			if !strings.Contains(string(body), secret) {
				t.Errorf("COS did not receive %s", secret)
			}
		}
		w.Header().Set("X-Cos-Request-Id", "r")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "<Error><Code>InvalidArgument</Code><Message>"+escaped(string(body))+"</Message></Error>")
	})
	credentials := &cosgatev1.OriginCredentials{SecretId: "id", SecretKey: key, EncryptedSecretKey: encrypted}
	_, err := g.configs.PutBucketOrigin(t.Context(), &cosgatev1.PutBucketOriginRequest{Bucket: testBucket, Origin: &cosgatev1.OriginConfiguration{
		Rules: []*cosgatev1.OriginRule{{
			OriginType: "Mirror",
			Parameter:  &cosgatev1.OriginParameter{HttpHeader: &cosgatev1.OriginHttpHeader{NewHttpHeaders: []*cosgatev1.OriginHeader{{Key: "authorization", Value: header}}}},
			Info:       &cosgatev1.OriginInfo{Hosts: []*cosgatev1.OriginHost{{PrivateHost: &cosgatev1.OriginPrivateHost{Host: "o.example.com", Credentials: credentials}}}},
		}},
		Unknown: []*cosgatev1.UnknownXml{
			{Piece: &cosgatev1.UnknownXml_Element{Element: "<A><B> " + token + " </B></A>"}},
			{Piece: &cosgatev1.UnknownXml_Attribute{Attribute: &cosgatev1.XmlAttribute{Name: "c", Value: attribute}}},
		},
	}})
	if status.Code(err) != codes.InvalidArgument || strings.Contains(fmt.Sprint(err, status.Convert(err).Details()), "Planted") {
		t.Errorf("PutBucketOrigin = %v, %v, want INVALID_ARGUMENT without what is planted", err, status.Convert(err).Details())
	}
}

// A piece that could be what a field stands for, or that has lost its place, is refused
// before anything is sent, and the error names it.
func TestPutBucketCorsRefusesPiecesThatAreKnownOrLost(t *testing.T) {
	t.Parallel()
	g := open(t, func(s *setup) {
		s.cos = embedded.Options{Buckets: []string{testBucket}, Region: testRegion, KeepUnknownElements: true}
	})
	element := func(path, text string) *cosgatev1.UnknownXml {
		return &cosgatev1.UnknownXml{Path: path, Piece: &cosgatev1.UnknownXml_Element{Element: text}}
	}
	attribute := func(path, name string) *cosgatev1.UnknownXml {
		return &cosgatev1.UnknownXml{Path: path, Piece: &cosgatev1.UnknownXml_Attribute{Attribute: &cosgatev1.XmlAttribute{Name: name, Value: "v"}}}
	}
	put := func(pieces ...*cosgatev1.UnknownXml) error {
		_, err := g.configs.PutBucketCors(t.Context(), &cosgatev1.PutBucketCorsRequest{Bucket: testBucket, Cors: &cosgatev1.CorsConfiguration{
			Rules: []*cosgatev1.CorsRule{
				{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}},
				{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"PUT"}, Unknown: append([]*cosgatev1.UnknownXml{element("", "<Harmless/>")}, pieces...)},
			},
		}})
		return err
	}
	for name, piece := range map[string]*cosgatev1.UnknownXml{
		"known": element("", "<AllowedOrigin>*</AllowedOrigin>"), "known in other letters": element("", "<ALLOWEDMETHOD>DELETE</ALLOWEDMETHOD>"),
		"known with a prefix": element("", `<a:AllowedMethod xmlns:a="b">DELETE</a:AllowedMethod>`),
		"not well-formed":     element("", "<A><B></A>"), "two": element("", "<A/><B/>"), "a way out": element("", "</CORSRule><CORSRule>"),
		"no path": element("Nowhere", "<A/>"), "lost": element("AllowedOrigin[2]", "<A/>"),
		"no attribute": attribute("", `a="b" c`), "an entity": element("", "<!DOCTYPE a><A/>"),
		"empty": {}, "nothing inside": element("", ""),
	} {
		err := put(piece)
		bad, ok := detail[*errdetails.BadRequest](err)
		if status.Code(err) != codes.InvalidArgument || !ok || !strings.HasPrefix(bad.GetFieldViolations()[0].GetField(), "cors.rules[1].unknown[1]") {
			t.Errorf("%s: PutBucketCors = %v, want INVALID_ARGUMENT for cors.rules[1].unknown[1]", name, err)
		}
	}
	if seen := g.requests(); len(seen) > 0 {
		t.Errorf("COS saw %v", seen)
	}
	if err := put(element("", "<A/>"), attribute("AllowedMethod", "b")); err != nil {
		t.Errorf("PutBucketCors with pieces at their places = %v", err)
	}
}

package backendtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cosgate/cosgate/cosbackend"
)

func configurationChecks() []check {
	create := []Ability{CreateBuckets}
	return slices.Concat(documentChecks(), []check{
		{"PutBucketACL accepts each form", "A039", bucketACL, create},
		{"PutBucketPolicy comes back with its members Statement and version", "A030, A034", bucketPolicy, create},
		{"PutBucketVersioning is unset, then enabled or suspended", "A030, A035, A044", bucketVersioning, []Ability{CreateBuckets, Versioning}},
		{"PutBucketLogging is off, on, and off again", "A030, A035", bucketLogging, create},
		{"GetBucketAccelerate that was never set is empty", "A035", bucketAccelerate, create},
		{"GetBucketIntelligentTiering of the first form that was never set is empty", "A033", bucketTiering, create},
		{"PutBucketIntelligentTiering of the second form has ids", "A030, A032, A033, A037", tieringRules, create},
		{"PutBucketReferer without a body removes the configuration", "A030, A033, A036", bucketReferer, create},
		{"PutBucketStrictSignature puts, replaces and removes rules", "A030, A032, A033, E117", strictSignature, create},
		{"PutBucketInventory has ids", "A030, A032, A037, A040", bucketInventory, create},
		{"GetBucketInventory lists 100 jobs at a time", "A038", listInventories, create},
		{"PostBucketInventory accepts an id once", "A045", postInventory, create},
		{"GetBucketDomain says what a TXT record must hold", "A030, A032, A040, A042", bucketDomain, []Ability{CreateBuckets, CustomDomains}},
		{"GetBucketDomainCertificate returns the id of the certificate", "A032, A043", domainCertificate, []Ability{CreateBuckets, CustomDomains}},
		{"PutBucketObjectLock can only extend", "A030, A040", objectLock, []Ability{CreateBuckets, Versioning, ObjectLocks}},
		{"GetBucket configurations of an unknown bucket are NoSuchBucket", "436/7730", configurationsOfUnknownBucket, nil},
	})
}

// same compares documents; the name of the root element is not part of what they say.
func same(want, got any) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// A document is one kind of configuration: how it is put, read and removed.
type document[T any] struct {
	put    func(*cosbackend.Client, context.Context, cosbackend.Location, *T) error
	get    func(*cosbackend.Client, context.Context, cosbackend.Location) (*T, error)
	remove func(*cosbackend.Client, context.Context, cosbackend.Location) error
	// absent are the codes of one that is not there; none where COS has no code.
	absent []string
}

// wantAbsent checks that the document is not there.
func (d document[T]) wantAbsent(t *testing.T, s scope) {
	t.Helper()
	_, err := d.get(s.Client, t.Context(), s.location())
	if !cosbackend.NotConfigured(err) {
		t.Fatalf("GET of what is not there = %v, want an error for which NotConfigured holds", err)
	}
	if len(d.absent) > 0 {
		wantRefused(t, "GET of what is not there", err, 404, d.absent...)
	}
}

// wantPut puts a document twice, as a repeat would, and reads it.
func (d document[T]) wantPut(t *testing.T, s scope, doc *T) {
	t.Helper()
	for range 2 {
		if err := d.put(s.Client, t.Context(), s.location(), doc); err != nil {
			t.Fatalf("PUT of %+v = %v", doc, err)
		}
	}
	got, err := d.get(s.Client, t.Context(), s.location())
	if err != nil {
		t.Fatalf("GET = %v", err)
	}
	if diff := same(doc, got); diff != "" {
		t.Errorf("GET is another document (-put +got):\n%s", diff)
	}
}

func (d document[T]) wantRemoved(t *testing.T, s scope) {
	t.Helper()
	for range 2 { // the second time it is not there
		if err := d.remove(s.Client, t.Context(), s.location()); err != nil {
			t.Fatalf("DELETE = %v", err)
		}
	}
	d.wantAbsent(t, s)
}

// A documentCheck follows a document of one kind.
type documentCheck = func(*testing.T, scope)

// putAndRemove checks a missing document, documents that replace each other, and removal.
func (d document[T]) putAndRemove(docs ...*T) documentCheck {
	return func(t *testing.T, s scope) {
		s = s.newBucket(t, s.Region)
		d.wantAbsent(t, s)
		for _, doc := range docs {
			d.wantPut(t, s, doc)
		}
		d.wantRemoved(t, s)
	}
}

func bucketACL(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	get := func() *cosbackend.AccessControlPolicy {
		t.Helper()
		got, err := s.Client.GetBucketACL(t.Context(), s.location())
		if err != nil || got.Owner.ID == "" {
			t.Fatalf("GetBucketACL = %+v, %v, want an ACL with an owner", got, err)
		}
		return got
	}
	put := func(acl cosbackend.ACL) {
		t.Helper()
		if err := s.Client.PutBucketACL(t.Context(), s.location(), acl); err != nil {
			t.Fatalf("PutBucketACL(%+v) = %v", acl, err)
		}
	}
	private := get()
	everyone := func(p *cosbackend.AccessControlPolicy) bool {
		return slices.ContainsFunc(p.Grants, func(g cosbackend.Grant) bool { return g.URI == allUsers && g.Permission == "READ" })
	}
	if everyone(private) {
		t.Errorf("a new bucket is public: %+v", private)
	}
	put(cosbackend.ACL{Preset: "public-read"})
	public := get()
	if !everyone(public) {
		t.Errorf("the ACL of a public bucket is %+v", public)
	}
	put(cosbackend.ACL{Grants: &cosbackend.GrantHeaders{ReadACP: []string{private.Owner.ID}}})
	if granted := get(); everyone(granted) {
		t.Errorf("the ACL with one grant is %+v", granted)
	}
	put(cosbackend.ACL{Policy: public})
	if diff := same(public, get()); diff != "" {
		t.Errorf("an ACL that is put back is another (-put +got):\n%s", diff)
	}
	put(cosbackend.ACL{Preset: "private"})
}

const allUsers = "http://cam.qcloud.com/groups/global/AllUsers"

func bucketPolicy(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	d := document[string]{
		func(c *cosbackend.Client, ctx context.Context, at cosbackend.Location, p *string) error {
			return c.PutBucketPolicy(ctx, at, *p)
		},
		func(c *cosbackend.Client, ctx context.Context, at cosbackend.Location) (*string, error) {
			p, err := c.GetBucketPolicy(ctx, at)
			return &p, err
		},
		(*cosbackend.Client).DeleteBucketPolicy,
		[]string{"NoSuchBucketPolicy", "NoSuchPolicy"},
	}
	d.wantAbsent(t, s)
	policy := fmt.Sprintf(`{"version": "2.0",  "Statement":[{"Effect":"allow","Principal":{"qcs":["qcs::cam::anyone:anyone"]},`+
		`"Action":["name/cos:GetObject"],"Resource":["qcs::cos:%s:uid%s:%s/public/*"]}]}`, s.region(), "/"+s.appid()[1:], s.Bucket)
	d.wantPut(t, s, &policy)
	other := strings.NewReplacer("Statement", "statement", "version", "Version").Replace(policy)
	if err := d.put(s.Client, t.Context(), s.location(), &other); err != nil {
		t.Fatalf("PutBucketPolicy of %s = %v", other, err)
	}
	if got, err := d.get(s.Client, t.Context(), s.location()); err != nil || *got != policy {
		t.Errorf("GetBucketPolicy of %s = %v, %v, want %s", other, got, err, policy)
	}
	wantRefused(t, "PutBucketPolicy of what is none", s.Client.PutBucketPolicy(t.Context(), s.location(), `{"version":"2.0"}`), 400, "MalformedPolicy")
	d.wantRemoved(t, s)
}

func bucketVersioning(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	d := document[cosbackend.VersioningConfiguration]{put: (*cosbackend.Client).PutBucketVersioning, get: (*cosbackend.Client).GetBucketVersioning}
	got, err := d.get(s.Client, t.Context(), s.location())
	if err != nil || got.Status != "" {
		t.Errorf("GetBucketVersioning of a new bucket = %+v, %v, want no status", got, err)
	}
	for _, status := range []string{"Enabled", "Suspended", "Enabled"} {
		d.wantPut(t, s, &cosbackend.VersioningConfiguration{Status: status})
	}
}

func bucketLogging(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	d := document[cosbackend.BucketLogging]{put: (*cosbackend.Client).PutBucketLogging, get: (*cosbackend.Client).GetBucketLogging}
	got, err := d.get(s.Client, t.Context(), s.location())
	if err != nil || got.LoggingEnabled != nil {
		t.Errorf("GetBucketLogging of a new bucket = %+v, %v, want no target", got, err)
	}
	d.wantPut(t, s, &cosbackend.BucketLogging{LoggingEnabled: &cosbackend.LoggingTarget{TargetBucket: s.Bucket, TargetPrefix: ours}})
	d.wantPut(t, s, &cosbackend.BucketLogging{})
	elsewhere := &cosbackend.BucketLogging{LoggingEnabled: &cosbackend.LoggingTarget{TargetBucket: s.bucketName()}}
	wantRefused(t, "PutBucketLogging to an unknown bucket", d.put(s.Client, t.Context(), s.location(), elsewhere), 400, "InvalidTargetBucketForLogging")
}

func bucketAccelerate(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	got, err := s.Client.GetBucketAccelerate(t.Context(), s.location())
	if err != nil || got.Status != "" {
		t.Errorf("GetBucketAccelerate of a new bucket = %+v, %v, want no status", got, err)
	}
}

func bucketTiering(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	d := document[cosbackend.IntelligentTiering]{put: (*cosbackend.Client).PutBucketIntelligentTiering, get: (*cosbackend.Client).GetBucketIntelligentTiering}
	d.wantAbsent(t, s)
	d.wantPut(t, s, &cosbackend.IntelligentTiering{Status: "Enabled", Transition: &cosbackend.TieringTransition{Days: new(int32(30)), RequestFrequent: new(int32(1))}})
}

// of makes the functions of a configuration with an id those of one.
func of[T any](
	id string, put func(*cosbackend.Client, context.Context, cosbackend.Location, *T) error,
	get func(*cosbackend.Client, context.Context, cosbackend.Location, string) (*T, error),
	remove func(*cosbackend.Client, context.Context, cosbackend.Location, string) error, absent ...string,
) document[T] {
	return document[T]{
		put,
		func(c *cosbackend.Client, ctx context.Context, at cosbackend.Location) (*T, error) {
			return get(c, ctx, at, id)
		},
		func(c *cosbackend.Client, ctx context.Context, at cosbackend.Location) error {
			return remove(c, ctx, at, id)
		},
		absent,
	}
}

func tieringRules(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	d := of("a-1", (*cosbackend.Client).PutBucketIntelligentTieringConfiguration,
		(*cosbackend.Client).GetBucketIntelligentTieringConfiguration, (*cosbackend.Client).DeleteBucketIntelligentTieringConfiguration)
	d.wantAbsent(t, s)
	doc := &cosbackend.IntelligentTieringConfiguration{
		ID: "a-1", Status: "Enabled", Filter: &cosbackend.TieringFilter{Prefix: "a/"},
		Tierings: []cosbackend.Tiering{{AccessTier: "ARCHIVE_ACCESS", Days: new(int32(90))}},
	}
	d.wantPut(t, s, doc)
	list, err := s.Client.ListBucketIntelligentTieringConfigurations(t.Context(), s.location())
	if diff := same([]cosbackend.IntelligentTieringConfiguration{*doc}, list); err != nil || diff != "" {
		t.Errorf("ListBucketIntelligentTieringConfigurations = %v (-want +got):\n%s", err, diff)
	}
	d.wantRemoved(t, s)
}

func bucketReferer(t *testing.T, s scope) {
	d := document[cosbackend.RefererConfiguration]{
		(*cosbackend.Client).PutBucketReferer, (*cosbackend.Client).GetBucketReferer, (*cosbackend.Client).DeleteBucketReferer, nil,
	}
	d.putAndRemove(
		&cosbackend.RefererConfiguration{Status: "Enabled", RefererType: "White-List", Domains: []string{"*.example.com", "10.0.0.1:8080/a"}, EmptyReferConfiguration: "Allow"},
		&cosbackend.RefererConfiguration{Status: "Disabled", RefererType: "Black-List", Domains: []string{"a.example.com"}},
	)(t, s)
}

func strictSignature(t *testing.T, s scope) {
	d := document[cosbackend.StrictSignatureConfiguration]{
		(*cosbackend.Client).PutBucketStrictSignature, (*cosbackend.Client).GetBucketStrictSignature, (*cosbackend.Client).DeleteBucketStrictSignature, nil,
	}
	d.putAndRemove(
		&cosbackend.StrictSignatureConfiguration{Rules: []cosbackend.StrictSignatureRule{
			{ID: "acl", Actions: []string{"PutObjectACL", "PutBucketACL"}, Headers: []string{"Host", "x-cos-acl"}, Params: []string{"acl"}},
			{ID: "versions", Actions: []string{"DeleteObject"}, Params: []string{"versionid"}},
		}},
		&cosbackend.StrictSignatureConfiguration{Rules: []cosbackend.StrictSignatureRule{
			{ID: "all", Actions: []string{"*"}, Headers: []string{"Host", "x-cos-*"}, Params: []string{"all"}},
		}},
	)(t, s)
}

func inventory(id, bucket, region string) *cosbackend.InventoryConfiguration {
	no, prefix := false, "a/"
	return &cosbackend.InventoryConfiguration{
		ID: id, Enabled: &no, IncludedObjectVersions: "Current",
		Filter: &cosbackend.InventoryFilter{Prefix: &prefix}, OptionalFields: []string{"Size", "ETag"},
		Schedule:    &cosbackend.InventorySchedule{Frequency: "Weekly"},
		Destination: cosbackend.InventoryDestination{Bucket: "qcs::cos:" + region + "::" + bucket, Prefix: ours, Format: "CSV"},
	}
}

func bucketInventory(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	d := of("a-1", (*cosbackend.Client).PutBucketInventory, (*cosbackend.Client).GetBucketInventory,
		(*cosbackend.Client).DeleteBucketInventory, "InventoryConfigurationNotFoundError")
	d.wantAbsent(t, s)
	doc := inventory("a-1", s.Bucket, s.region())
	d.wantPut(t, s, doc)
	doc.Filter, doc.Destination.Encryption = nil, &cosbackend.InventoryEncryption{SSECOS: new(string)}
	d.wantPut(t, s, doc)
	d.wantRemoved(t, s)
}

func listInventories(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	const jobs = 103
	for i := range jobs {
		if err := s.Client.PutBucketInventory(t.Context(), s.location(), inventory(fmt.Sprintf("job-%03d", i), s.Bucket, s.region())); err != nil {
			t.Fatalf("PutBucketInventory = %v", err)
		}
	}
	seen := make(map[string]bool)
	token, pages := "", 0
	for {
		page, err := s.Client.ListBucketInventories(t.Context(), s.location(), token)
		if err != nil || len(page.Inventories) > 100 {
			t.Fatalf("ListBucketInventories = %d jobs, %v, want at most 100", len(page.Inventories), err)
		}
		for _, job := range page.Inventories {
			seen[job.ID] = true
		}
		if pages++; !page.Truncated {
			break
		}
		token = page.NextToken
	}
	if len(seen) != jobs || pages != 2 {
		t.Errorf("%d pages have %d jobs, want 2 with %d", pages, len(seen), jobs)
	}
}

func postInventory(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	doc := inventory("once-"+random(), s.Bucket, s.region())
	doc.Enabled, doc.Schedule = nil, nil
	if err := s.Client.PostBucketInventory(t.Context(), s.location(), doc); err != nil {
		t.Fatalf("PostBucketInventory = %v", err)
	}
	wantRefused(t, "a second PostBucketInventory", s.Client.PostBucketInventory(t.Context(), s.location(), doc), 409, "DuplicateInventoryId")
}

func bucketDomain(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	d := document[cosbackend.DomainConfiguration]{
		(*cosbackend.Client).PutBucketDomain,
		func(c *cosbackend.Client, ctx context.Context, at cosbackend.Location) (*cosbackend.DomainConfiguration, error) {
			got, err := c.GetBucketDomain(ctx, at)
			if err != nil {
				return nil, err
			}
			if got.TXTVerification == "" {
				t.Error("GetBucketDomain does not say what a TXT record must hold")
			}
			return &got.DomainConfiguration, nil
		},
		(*cosbackend.Client).DeleteBucketDomain,
		[]string{"DomainConfigNotFoundError"},
	}
	d.wantAbsent(t, s)
	d.wantPut(t, s, &cosbackend.DomainConfiguration{Rules: []cosbackend.DomainRule{{Status: "ENABLED", Name: "www.example.com", Type: "REST"}}})
	d.wantRemoved(t, s)
}

func domainCertificate(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	const domain = "www.example.com"
	err := s.Client.PutBucketDomainCertificate(t.Context(), s.location(), &cosbackend.DomainCertificate{
		CertType: "CustomCert", CertID: "abcdefgh", Domains: []string{domain},
	})
	if err != nil {
		t.Fatalf("PutBucketDomainCertificate = %v", err)
	}
	got, err := s.Client.GetBucketDomainCertificate(t.Context(), s.location(), domain)
	if err != nil || got.CertID != "abcdefgh" {
		t.Errorf("GetBucketDomainCertificate = %+v, %v, want the id abcdefgh", got, err)
	}
	for range 2 {
		if err := s.Client.DeleteBucketDomainCertificate(t.Context(), s.location(), domain); err != nil {
			t.Fatalf("DeleteBucketDomainCertificate = %v", err)
		}
	}
	if _, err := s.Client.GetBucketDomainCertificate(t.Context(), s.location(), domain); !cosbackend.NotConfigured(err) {
		t.Errorf("GetBucketDomainCertificate after its removal = %v, want an error for which NotConfigured holds", err)
	}
}

func objectLock(t *testing.T, s scope) {
	s = s.newBucket(t, s.Region)
	d := document[cosbackend.ObjectLockConfiguration]{
		put: (*cosbackend.Client).PutBucketObjectLock, get: (*cosbackend.Client).GetBucketObjectLock, absent: []string{"NoSuchObjectLockConfiguration"},
	}
	d.wantAbsent(t, s)
	for _, days := range []int32{1, 2} {
		d.wantPut(t, s, &cosbackend.ObjectLockConfiguration{ObjectLockEnabled: "Enabled", Rule: &cosbackend.ObjectLockRule{Days: &days}})
	}
}

func configurationsOfUnknownBucket(t *testing.T, s scope) {
	ctx, c, at := t.Context(), s.Client, s.in(s.bucketName(), s.Region).location()
	for op, call := range map[string]func() error{
		"GetBucketACL":          func() error { _, err := c.GetBucketACL(ctx, at); return err },
		"GetBucketCORS":         func() error { _, err := c.GetBucketCORS(ctx, at); return err },
		"GetBucketPolicy":       func() error { _, err := c.GetBucketPolicy(ctx, at); return err },
		"GetBucketReferer":      func() error { _, err := c.GetBucketReferer(ctx, at); return err },
		"DeleteBucketTagging":   func() error { return c.DeleteBucketTagging(ctx, at) },
		"ListBucketInventories": func() error { _, err := c.ListBucketInventories(ctx, at, ""); return err },
	} {
		err := call()
		wantRefused(t, op, err, 404, "NoSuchBucket")
		if cosbackend.NotConfigured(err) {
			t.Errorf("%s: NotConfigured takes NoSuchBucket for a missing configuration", op)
		}
	}
}

// documentChecks follow configurations that are put, replaced and removed. The
// documents have what the official SDK's structs would lose.
func documentChecks() []check {
	create := []Ability{CreateBuckets}
	return []check{
		{"PutBucketCORS puts, replaces and removes rules", "A030, A031, A032, A040", corsDocuments(), create},
		{"PutBucketLifecycle puts, replaces and removes rules", "A030, A031, A032, A040, A041", lifecycleDocuments(), create},
		{"PutBucketTagging puts, replaces and removes tags", "A030, A031, A032, A040", taggingDocuments(), create},
		{"PutBucketWebsite puts, replaces and removes a configuration", "A030, A032, A040", websiteDocuments(), create},
		{"PutBucketEncryption puts, replaces and removes a configuration", "A030, A032, A040", encryptionDocuments(), create},
		{"PutBucketReplication puts, replaces and removes rules", "A030, A032, A040", replicationDocuments(), []Ability{CreateBuckets, Replication, Versioning}},
		{"PutBucketOrigin puts, replaces and removes rules", "A030, A032, A040, A046, A095", originDocuments(), create},
	}
}

func corsDocuments() documentCheck {
	no, yes, zero := false, true, int32(0)
	return document[cosbackend.CORSConfiguration]{
		(*cosbackend.Client).PutBucketCORS, (*cosbackend.Client).GetBucketCORS, (*cosbackend.Client).DeleteBucketCORS,
		[]string{"NoSuchCORSConfiguration"},
	}.putAndRemove(
		&cosbackend.CORSConfiguration{
			Rules:        []cosbackend.CORSRule{{ID: "a", AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: &zero}},
			ResponseVary: &no,
		},
		&cosbackend.CORSConfiguration{Rules: []cosbackend.CORSRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}}}, ResponseVary: &yes},
	)
}

func lifecycleDocuments() documentCheck {
	no, zero, days, prefix, folder := false, int32(0), int32(3650), "a & b/<", "older/"
	date := cosbackend.Date{Time: time.Date(2098, 1, 1, 0, 0, 0, 0, time.UTC)}
	later := cosbackend.Date{Time: date.AddDate(1, 0, 0)}
	return document[cosbackend.LifecycleConfiguration]{
		(*cosbackend.Client).PutBucketLifecycle, (*cosbackend.Client).GetBucketLifecycle, (*cosbackend.Client).DeleteBucketLifecycle,
		[]string{"NoSuchLifecycleConfiguration"},
	}.putAndRemove(
		&cosbackend.LifecycleConfiguration{Rules: []cosbackend.LifecycleRule{
			{
				ID: "a", Status: "Enabled", Filter: &cosbackend.LifecycleFilter{Prefix: &prefix},
				Transitions: []cosbackend.LifecycleTransition{{Date: &date, StorageClass: "ARCHIVE"}},
				Expiration:  &cosbackend.LifecycleExpiration{Date: &later},
			},
			{
				ID: "older", Status: "Enabled", Prefix: &folder,
				Transitions: []cosbackend.LifecycleTransition{{Days: &days, StorageClass: "ARCHIVE"}},
			},
			{
				ID: "b", Status: "Disabled", Filter: &cosbackend.LifecycleFilter{Tag: &cosbackend.Tag{Key: "k", Value: "v"}},
				Transitions:                    []cosbackend.LifecycleTransition{{Days: &zero, StorageClass: "STANDARD_IA"}},
				AbortIncompleteMultipartUpload: &cosbackend.AbortIncompleteMultipartUpload{DaysAfterInitiation: &days},
			},
		}},
		&cosbackend.LifecycleConfiguration{Rules: []cosbackend.LifecycleRule{{
			ID: "c", Status: "Enabled",
			Filter:                      &cosbackend.LifecycleFilter{And: &cosbackend.LifecycleAnd{Prefix: &prefix, Tags: []cosbackend.Tag{{Key: "k", Value: "v"}, {Key: "l", Value: "w"}}}},
			Expiration:                  &cosbackend.LifecycleExpiration{ExpiredObjectDeleteMarker: &no},
			NoncurrentVersionExpiration: &cosbackend.NoncurrentVersionExpiration{NoncurrentDays: &days},
		}}},
	)
}

func taggingDocuments() documentCheck {
	return document[cosbackend.BucketTagging]{
		(*cosbackend.Client).PutBucketTagging, (*cosbackend.Client).GetBucketTagging, (*cosbackend.Client).DeleteBucketTagging,
		[]string{"NoSuchTagSet"},
	}.putAndRemove(
		&cosbackend.BucketTagging{Tags: []cosbackend.Tag{{Key: "team", Value: "a"}}},
		&cosbackend.BucketTagging{Tags: []cosbackend.Tag{{Key: "cost", Value: "1 + 2"}, {Key: "团队", Value: "存储"}}},
	)
}

func websiteDocuments() documentCheck {
	nothing, prefix, key, missing := "", "old/", "404.html", int32(404)
	return document[cosbackend.WebsiteConfiguration]{
		(*cosbackend.Client).PutBucketWebsite, (*cosbackend.Client).GetBucketWebsite, (*cosbackend.Client).DeleteBucketWebsite,
		[]string{"NoSuchWebsiteConfiguration"},
	}.putAndRemove(
		&cosbackend.WebsiteConfiguration{IndexDocument: "index.html"},
		&cosbackend.WebsiteConfiguration{
			IndexDocument: "index.html", ErrorDocument: &cosbackend.ErrorDocument{Key: "error.html", OriginalHTTPStatus: "Enabled", Charity404: "Disabled"},
			AutoAddressing: &cosbackend.AutoAddressing{Status: "Enabled"},
			RoutingRules: []cosbackend.RoutingRule{
				{Condition: cosbackend.RoutingCondition{KeyPrefixEquals: &prefix}, Redirect: cosbackend.RoutingRedirect{ReplaceKeyPrefixWith: &nothing, URLRedirect: "Enabled"}},
				{Condition: cosbackend.RoutingCondition{HTTPErrorCodeReturnedEquals: &missing}, Redirect: cosbackend.RoutingRedirect{Protocol: "https", ReplaceKeyWith: &key, URLRedirect: "Enabled"}},
			},
		},
	)
}

func encryptionDocuments() documentCheck {
	return document[cosbackend.EncryptionConfiguration]{
		(*cosbackend.Client).PutBucketEncryption, (*cosbackend.Client).GetBucketEncryption, (*cosbackend.Client).DeleteBucketEncryption,
		[]string{"NoSuchEncryptionConfiguration"},
	}.putAndRemove(&cosbackend.EncryptionConfiguration{SSEAlgorithm: "AES256"})
}

func replicationDocuments() documentCheck {
	zero, nothing := int32(0), ""
	rule := func(r cosbackend.ReplicationRule) *cosbackend.ReplicationConfiguration {
		r.Status, r.Destination.Bucket = "Disabled", "qcs::cos:ap-beijing::copies-1250000000"
		return &cosbackend.ReplicationConfiguration{Role: "qcs::cam::uin/100000000001:uin/100000000001", Rules: []cosbackend.ReplicationRule{r}}
	}
	put := func(c *cosbackend.Client, ctx context.Context, loc cosbackend.Location, doc *cosbackend.ReplicationConfiguration) error {
		if err := c.PutBucketVersioning(ctx, loc, &cosbackend.VersioningConfiguration{Status: "Enabled"}); err != nil { // without which there is none
			return err
		}
		return c.PutBucketReplication(ctx, loc, doc)
	}
	return document[cosbackend.ReplicationConfiguration]{
		put, (*cosbackend.Client).GetBucketReplication, (*cosbackend.Client).DeleteBucketReplication,
		[]string{"ReplicationConfigurationNotFoundError", "ReplicationConfigurationnotFoundError"},
	}.putAndRemove(
		rule(cosbackend.ReplicationRule{Prefix: &nothing}),
		rule(cosbackend.ReplicationRule{
			ID: "a", Priority: &zero, Filter: &cosbackend.ReplicationFilter{Tag: &cosbackend.Tag{Key: "k", Value: "v"}},
			DeleteMarkerReplication: &cosbackend.DeleteMarkerReplication{Status: "Disabled"},
		}),
		rule(cosbackend.ReplicationRule{
			ID: "a", Prefix: &nothing,
			Destination:             cosbackend.ReplicationDestination{StorageClass: "Standard_IA", Encryption: &cosbackend.ReplicaEncryption{ReplicaKMSKeyID: "a-key"}},
			SourceSelectionCriteria: &cosbackend.SourceSelectionCriteria{SSEKMSEncryptedObjects: &cosbackend.SSEKMSEncryptedObjects{Status: "Enabled"}},
		}),
	)
}

func originDocuments() documentCheck {
	no, zero, weight := false, int32(0), int32(3)
	return document[cosbackend.OriginConfiguration]{
		(*cosbackend.Client).PutBucketOrigin, (*cosbackend.Client).GetBucketOrigin, (*cosbackend.Client).DeleteBucketOrigin,
		[]string{"OriginConfigurationNotFoundError"},
	}.putAndRemove(
		&cosbackend.OriginConfiguration{Rules: []cosbackend.OriginRule{{
			Priority: &zero, OriginType: "Mirror", Condition: &cosbackend.OriginCondition{HTTPStatusCode: "404"},
			Parameter: &cosbackend.OriginParameter{Protocol: "HTTPS", FollowQueryString: &no, TransparentErrorCode: &no},
			Info: &cosbackend.OriginInfo{Hosts: []cosbackend.OriginHost{
				{HostName: "a.example.com", Weight: &weight, Standby: map[int]string{1: "b.example.com", 2: "c.example.com"}}, {HostName: "d.example.com", Weight: &zero},
			}},
			StandbyCodes: []string{"404", "403"},
		}}},
		&cosbackend.OriginConfiguration{Rules: []cosbackend.OriginRule{{
			OriginType: "Redirect", Parameter: &cosbackend.OriginParameter{HTTPRedirectCodes: []string{"302"}},
			Info: &cosbackend.OriginInfo{
				Hosts: []cosbackend.OriginHost{{HostName: "a.example.com"}},
				File:  &cosbackend.OriginFile{NewPrefix: new(string), FixedFilePath: new("a/b")},
			},
		}}},
		&cosbackend.OriginConfiguration{Rules: []cosbackend.OriginRule{{
			OriginType: "Mirror",
			Parameter: &cosbackend.OriginParameter{
				FollowRedirection: &no, FollowOriginHeaders: &no,
				HTTPHeader: &cosbackend.OriginHTTPHeader{FollowAllHeaders: &no, ForbidFollowHTTPHeaders: []cosbackend.OriginHeaderName{{Key: "x-a"}}},
			},
			Info: &cosbackend.OriginInfo{
				Hosts: []cosbackend.OriginHost{{
					HostName: "a.example.com", Standby: map[int]string{2: "b.example.com"},
					PrivateHost: &cosbackend.OriginPrivateHost{Host: "p.example.com", Credentials: &cosbackend.OriginCredentials{Role: "qcs::cam::uin/100000000001:roleName/origin"}},
				}},
				File: &cosbackend.OriginFile{NewPrefix: new("a/"), ReplacedWithPrefix: new("b/")},
			},
		}}},
	)
}

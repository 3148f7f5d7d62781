package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/certs"
	"github.com/cosgate/cosgate/internal/certs/certstest"
	"github.com/cosgate/cosgate/internal/identity"
	"github.com/cosgate/cosgate/internal/identity/identitytest"
	"github.com/cosgate/cosgate/service/access"
)

// A tlsGateway is a gateway over TLS that accepts client certificates, tokens of an
// identity provider and static tokens at the same time.
type tlsGateway struct {
	*guarded
	servers, clients *certstest.Authority
	key              identitytest.Key
	later            atomic.Int64 // how much later the clock of certificates is
	certificates     *identity.Certificates
	keys             string // the file with the provider's keys
	jwt              *identity.JWT
}

func openTLS(t *testing.T, policies string, names ...string) *tlsGateway {
	t.Helper()
	f := &tlsGateway{
		servers: certstest.NewAuthority(t, "servers"), clients: certstest.NewAuthority(t, "clients"),
		key: identitytest.NewKey(t, "k1"),
	}
	f.keys = filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(f.keys, identitytest.Set(t, f.key), 0o600); err != nil {
		t.Fatal(err)
	}
	jwt, err := identity.NewJWT(t.Context(), identity.JWTOptions{
		Issuer: identitytest.Issuer, Audiences: []string{identitytest.Audience}, Keys: f.keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.jwt = jwt
	folder := certstest.NewFolder(t, f.servers.Issue(t, "gateway", nil), f.clients)
	store, err := certs.Open(certs.Options{Cert: folder.Cert, Key: folder.Key, ClientCA: folder.ClientCA, MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	f.guarded = openGuarded(t, policies, names, func(s *setup) {
		who := s.deps.Authenticator.(*identity.Authenticator)
		who.Bearers = append(who.Bearers, jwt)
		f.certificates = &identity.Certificates{
			Sources: []identity.NameSource{identity.CommonName},
			Clock:   func() time.Time { return time.Now().Add(time.Duration(f.later.Load())) },
		}
		who.Certificates = f.certificates
		s.options.Credentials = store.Credentials()
		s.dial = append(s.dial, f.trusting(nil))
	})
	return f
}

// trusting are the credentials of a client that trusts the gateway and has this
// certificate, or none if it is nil.
func (f *tlsGateway) trusting(leaf *certstest.Leaf) grpc.DialOption {
	c := &tls.Config{RootCAs: f.servers.Pool(), MinVersion: tls.VersionTLS13, ServerName: "localhost"}
	if leaf != nil {
		// A certificate is sent even if the gateway did not ask for it.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &leaf.TLS, nil }
	}
	return grpc.WithTransportCredentials(credentials.NewTLS(c))
}

// with is a connection with a certificate of authority.
func (f *tlsGateway) with(t *testing.T, authority *certstest.Authority, name string, change func(*x509.Certificate)) *grpc.ClientConn {
	t.Helper()
	leaf := authority.Issue(t, name, change)
	conn := f.dial(t, f.trusting(&leaf))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func bearing(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// An attempt is one way to make a call.
type attempt struct {
	conn  *grpc.ClientConn
	token string
	later time.Duration // how much later the call comes than the connection
	want  codes.Code
}

// unauthenticated are the attempts that prove no identity.
func (f *tlsGateway) unauthenticated(t *testing.T) map[string]attempt {
	t.Helper()
	token := func(key identitytest.Key, changes map[string]any) string {
		return key.Sign(t, identitytest.Claims("all", changes))
	}
	good := f.with(t, f.clients, "all", nil)
	gone := time.Now().Add(-time.Hour)
	cells := map[string]attempt{
		"no identity": {conn: f.conn},
		"a certificate of a wrong CA": {
			conn: f.with(t, certstest.NewAuthority(t, "clients"), "all", nil), want: codes.Unavailable,
		},
		"an expired certificate": {
			conn: f.with(t, f.clients, "all", func(c *x509.Certificate) { c.NotAfter = gone }), want: codes.Unavailable,
		},
		"a certificate for servers only": {
			conn: f.with(t, f.clients, "all", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), want: codes.Unavailable,
		},
		"a certificate that expired on the connection": {conn: good, later: 2 * time.Hour},
		"a certificate without a name":                 {conn: f.with(t, f.clients, "", func(c *x509.Certificate) { c.DNSNames = c.DNSNames[:1] })},
		"a bad token with a good certificate":          {conn: good, token: "cosgate_UNKNOWN"},
	}
	for name, token := range map[string]string{
		"an expired token":                   token(f.key, map[string]any{"exp": gone.Unix()}),
		"a token that never expires":         token(f.key, map[string]any{"exp": nil}),
		"a token of the wrong audience":      token(f.key, map[string]any{"aud": "billing"}),
		"a token of another issuer":          token(f.key, map[string]any{"iss": "https://evil.example"}),
		"a token of no issuer":               token(f.key, map[string]any{"iss": nil}),
		"a token of another key":             token(identitytest.NewKey(t, "k1"), nil),
		"a token of alg none":                identitytest.Unsigned(t, identitytest.Claims("all", nil)),
		"an HMAC made of the public key":     f.key.SignHMAC(t, identitytest.Claims("all", nil)),
		"a static token that does not exist": "cosgate_UNKNOWN",
		"something else":                     "something-else",
	} {
		cells[name] = attempt{conn: f.conn, token: token}
	}
	for name, c := range cells {
		if c.want == codes.OK {
			c.want = codes.Unauthenticated
			cells[name] = c
		}
	}
	return cells
}

// callers are the three ways to prove that the caller is name.
func (f *tlsGateway) callers(t *testing.T, name string, want codes.Code) map[string]attempt {
	t.Helper()
	return map[string]attempt{
		name + " by certificate":        {conn: f.with(t, f.clients, name, nil), want: want},
		name + " by a provider's token": {conn: f.conn, token: f.key.Sign(t, identitytest.Claims(name, nil)), want: want},
		name + " by a static token":     {conn: f.conn, token: f.tokens[name], want: want},
	}
}

// check makes one call and compares its status with the one that is wanted. OK means that
// authorization lets it through, even if it fails after that.
func (f *tlsGateway) check(t *testing.T, c attempt, full string, d protoreflect.MethodDescriptor, req protoreflect.ProtoMessage) {
	t.Helper()
	f.later.Store(int64(c.later))
	defer f.later.Store(0)
	ctx := t.Context()
	if c.token != "" {
		ctx = bearing(ctx, c.token)
	}
	f.cos.Journal().Reset()
	err := callOver(ctx, t, c.conn, full, d, req)
	code := status.Code(err)
	info, _ := detail[*errdetails.ErrorInfo](err)
	if c.want == codes.OK {
		_, fromCOS := detail[*cosgatev1.CosError](err)
		if code == codes.Unauthenticated || code == codes.Unavailable && !fromCOS || strings.HasPrefix(info.GetReason(), "CALLER_") {
			t.Errorf("the call = %v, want that it is let through", err)
		}
		return
	}
	if code != c.want {
		t.Errorf("the call = %v, want %s", err, c.want)
	}
	if seen := f.requests(); len(seen) > 0 {
		t.Errorf("COS saw %v", seen)
	}
}

// Every RPC of the descriptors is called in every attempt.
func TestAuthenticationOfEveryRPCOverTLS(t *testing.T) {
	t.Parallel()
	f := openTLS(t, `
		permit (principal, action, resource) when { ["cert:cn:all", "jwt:all", "token:all"].contains(principal.name) };
		permit (principal, action, resource in Bucket::"other-1250000000") when { principal.name like "*:elsewhere" };
		permit (principal, action, resource in Profile::"other") when { principal.name like "*:elsewhere" };`,
		"all", "nothing", "elsewhere")
	cells := f.unauthenticated(t)
	for name, want := range map[string]codes.Code{"all": codes.OK, "nothing": codes.PermissionDenied, "elsewhere": codes.PermissionDenied} {
		maps.Copy(cells, f.callers(t, name, want))
	}
	methods := f.ourMethods(t)
	for full, d := range methods {
		for way, c := range cells {
			t.Run(strings.TrimPrefix(full, "/cosgate.v1.")+"/"+way, func(t *testing.T) {
				req := newMessage(t, d.Input())
				fill(req.ProtoReflect(), testBucket, "key")
				f.check(t, c, full, d, req)
			})
		}
	}
	t.Logf("%d RPCs in %d ways each", len(methods), len(cells))
}

// A place is where a request names something that must be decided on, such as
// "source.key". set changes what it names.
type place struct {
	name string
	set  func(m protoreflect.Message, value string)
}

var (
	namesKey     = []cosgatev1.Role{cosgatev1.Role_ROLE_KEY, cosgatev1.Role_ROLE_KEY_PREFIX, cosgatev1.Role_ROLE_OTHER_KEY}
	namesBucket  = []cosgatev1.Role{cosgatev1.Role_ROLE_BUCKET, cosgatev1.Role_ROLE_OTHER_BUCKET}
	namesProfile = []cosgatev1.Role{cosgatev1.Role_ROLE_PROFILE}
	named        = slices.Concat(namesKey, namesBucket, namesProfile)
)

// places finds where a request of this type names a key, or a bucket.
func places(d protoreflect.MessageDescriptor, roles ...cosgatev1.Role) []place {
	var found []place
	fields := d.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if slices.Contains(roles, access.RoleOf(f)) {
			found = append(found, place{string(f.Name()), func(m protoreflect.Message, v string) { m.Set(f, protoreflect.ValueOfString(v)) }})
		}
		if f.Message() == nil || f.IsMap() {
			continue
		}
		for _, p := range places(f.Message(), roles...) {
			set := func(m protoreflect.Message, v string) { p.set(m.Mutable(f).Message(), v) }
			if f.IsList() {
				// One more item, between good ones.
				set = func(m protoreflect.Message, v string) {
					list := m.Mutable(f).List()
					fill(list.AppendMutable().Message(), testBucket, "bad")
					p.set(list.Get(list.Len()-1).Message(), v)
					fill(list.AppendMutable().Message(), testBucket, "last")
				}
			}
			found = append(found, place{string(f.Name()) + "." + p.name, set})
		}
	}
	return found
}

// Wherever a request names a key or a bucket, of a batch, a copy's source, a link or a
// form, a forbidden one there denies the whole request.
func TestAuthorizationDecidesOnEverythingThatARequestNames(t *testing.T) {
	t.Parallel()
	f := openTLS(t, `
		permit (principal, action, resource);
		forbid (principal, action, resource in Bucket::"forbidden-1250000000");
		forbid (principal, action, resource) when { resource is Object && resource.key like "forbidden/*" };
		forbid (principal, action, resource in Profile::"forbidden");`, "all")
	cells := f.callers(t, "all", codes.PermissionDenied)
	tested := 0
	try := func(full string, d protoreflect.MethodDescriptor, p place, value string) {
		tested++
		for way, c := range cells {
			t.Run(strings.TrimPrefix(full, "/cosgate.v1.")+"/"+p.name+"/"+way, func(t *testing.T) {
				req := newMessage(t, d.Input())
				fill(req.ProtoReflect(), testBucket, "key")
				p.set(req.ProtoReflect(), value)
				f.check(t, c, full, d, req)
			})
		}
	}
	for full, d := range f.ourMethods(t) {
		for _, p := range places(d.Input(), namesKey...) {
			try(full, d, p, "forbidden/x")
		}
		for _, p := range places(d.Input(), namesBucket...) {
			try(full, d, p, "forbidden-1250000000")
		}
		for _, p := range places(d.Input(), namesProfile...) {
			try(full, d, p, "forbidden")
		}
	}
	if tested < 218 {
		t.Errorf("%d places were found: fewer than the contract had", tested)
	}
	t.Logf("%d places, %d ways each", tested, len(cells))
}

// What a URL or a form allows, and each part of a configuration, needs the right to do
// or read it, not only the right to ask.
func TestAuthorizationOfURLsFormsAndSectionsNeedsWhatTheyAllow(t *testing.T) {
	t.Parallel()
	f := openTLS(t, `
		permit (principal, action in [Action::"PresignUrl", Action::"CreatePostPolicy"], resource);`, "all")
	cells := f.callers(t, "all", codes.PermissionDenied)
	try := func(name, full string, set func(protoreflect.Message)) {
		d := f.ourMethods(t)[full]
		for way, c := range cells {
			t.Run(name+"/"+way, func(t *testing.T) {
				req := newMessage(t, d.Input())
				fill(req.ProtoReflect(), testBucket, "key")
				set(req.ProtoReflect())
				f.check(t, c, full, d, req)
			})
		}
	}
	presign, form, config := "/cosgate.v1.PresignService/PresignUrl", "/cosgate.v1.PresignService/CreatePostPolicy", "/cosgate.v1.BucketConfigService/GetBucketConfig"
	values := func(method string, field protoreflect.Name, set func(protoreflect.Message, protoreflect.FieldDescriptor, protoreflect.EnumNumber)) {
		fd := f.ourMethods(t)[method].Input().Fields().ByName(field)
		all := fd.Enum().Values()
		for i := 1; i < all.Len(); i++ {
			try(string(all.Get(i).Name()), method, func(m protoreflect.Message) { set(m, fd, all.Get(i).Number()) })
		}
		try(string(field)+" that does not exist", method, func(m protoreflect.Message) { set(m, fd, 99) })
	}
	values(presign, "operation", func(m protoreflect.Message, fd protoreflect.FieldDescriptor, n protoreflect.EnumNumber) {
		m.Set(fd, protoreflect.ValueOfEnum(n))
	})
	values(config, "sections", func(m protoreflect.Message, fd protoreflect.FieldDescriptor, n protoreflect.EnumNumber) {
		m.Mutable(fd).List().Append(protoreflect.ValueOfEnum(n))
	})
	try("a form for a key", form, func(protoreflect.Message) {})
	try("a form for a prefix", form, func(m protoreflect.Message) {
		m.Set(m.Descriptor().Fields().ByName("key_prefix"), protoreflect.ValueOfString("a/"))
	})
}

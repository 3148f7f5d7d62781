package backendtest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cosgate/cosgate/cosbackend"
)

// The variables that name a target.
const (
	// EnvEndpoint is the template of the endpoint, such as
	// "https://{bucket}.cos.{region}.myqcloud.com".
	EnvEndpoint = "COS_TEST_ENDPOINT"
	// EnvRegion is where the bucket is; required when the template holds {region}.
	EnvRegion = "COS_TEST_REGION"
	// EnvBucket is the full name of an empty bucket that is made for this.
	EnvBucket = "COS_TEST_BUCKET"
	// EnvSecretID and EnvSecretKey sign; EnvSecurityToken goes with temporary ones.
	EnvSecretID      = "COS_TEST_SECRET_ID"
	EnvSecretKey     = "COS_TEST_SECRET_KEY"
	EnvSecurityToken = "COS_TEST_SECURITY_TOKEN" //nolint:gosec // a name, not a token
	// EnvProxy is the URL of an HTTP proxy; "" goes directly.
	EnvProxy = "COS_TEST_PROXY"
	// EnvCreateBuckets set to 1 lets the suite create buckets and delete them.
	EnvCreateBuckets = "COS_TEST_CREATE_BUCKETS"
	// EnvIssueCredentials set to 1 lets the suite get temporary credentials of STS, at
	// sts.tencentcloudapi.com, by way of the proxy if there is one; without TLS if the
	// endpoint is http.
	EnvIssueCredentials = "COS_TEST_ISSUE_CREDENTIALS" //nolint:gosec // a name, not a credential
	// EnvAllowNonEmpty set to 1 lets the suite run on a bucket that holds objects.
	EnvAllowNonEmpty = "COS_TEST_ALLOW_NONEMPTY"
	// EnvLacks names what the target lacks, by [Ability] and separated by commas.
	EnvLacks = "COS_TEST_LACKS"
)

// FromEnvironment returns the target that the environment names; getenv is os.Getenv
// outside of tests. It reports false when the environment names none, and an error when
// it is incomplete or invalid: a typing error must not skip a run against COS. The
// caller closes the target's Client.
func FromEnvironment(getenv func(string) string) (Target, bool, error) {
	if named, err := targetNamed(getenv); !named || err != nil {
		return Target{}, false, err
	}
	tg := Target{Bucket: getenv(EnvBucket), Region: getenv(EnvRegion), SecretID: getenv(EnvSecretID)}
	var err error
	if tg.HTTP, err = environmentHTTP(getenv); err != nil {
		return Target{}, false, err
	}
	if tg.CanCreateBuckets, err = flag(getenv, EnvCreateBuckets); err != nil {
		return Target{}, false, err
	}
	if tg.CanIssueCredentials, err = flag(getenv, EnvIssueCredentials); err != nil {
		return Target{}, false, err
	}
	if tg.AllowNonEmpty, err = flag(getenv, EnvAllowNonEmpty); err != nil {
		return Target{}, false, err
	}
	if tg.Lacks, err = lacksIn(getenv(EnvLacks)); err != nil {
		return Target{}, false, err
	}
	if !strings.Contains(getenv(EnvEndpoint), "{region}") {
		tg.Lacks[OtherRegions] = EnvEndpoint + " holds no {region}"
	}
	if tg.Client, err = environmentClient(getenv); err != nil {
		return Target{}, false, err
	}
	return tg, true, nil
}

// targetNamed reports whether the variables name a target, and refuses an incomplete
// one.
func targetNamed(getenv func(string) string) (bool, error) {
	required := []string{EnvEndpoint, EnvBucket, EnvSecretID, EnvSecretKey}
	if strings.Contains(getenv(EnvEndpoint), "{region}") {
		required = append(required, EnvRegion)
	}
	all := append([]string{EnvRegion, EnvSecurityToken, EnvProxy, EnvCreateBuckets, EnvIssueCredentials, EnvAllowNonEmpty, EnvLacks}, required...)
	var missing []string
	for _, name := range required {
		if getenv(name) == "" {
			missing = append(missing, name)
		}
	}
	switch named := slices.ContainsFunc(all, func(name string) bool { return getenv(name) != "" }); {
	case !named:
		return false, nil
	case len(missing) > 0:
		return false, fmt.Errorf("backendtest: the target is incomplete: set %s too", strings.Join(missing, ", "))
	}
	return true, nil
}

func flag(getenv func(string) string, name string) (bool, error) {
	switch getenv(name) {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	}
	return false, fmt.Errorf("backendtest: %s must be 1 or 0", name)
}

func lacksIn(list string) (map[Ability]string, error) {
	lacks := make(map[Ability]string)
	for name := range strings.SplitSeq(list, ",") {
		a := Ability(strings.TrimSpace(name))
		switch {
		case a == "":
		case slices.Contains(abilities(), a):
			lacks[a] = EnvLacks + " says so"
		default:
			return nil, fmt.Errorf("backendtest: %s: %q is none of %q", EnvLacks, a, abilities())
		}
	}
	return lacks, nil
}

func environmentClient(getenv func(string) string) (*cosbackend.Client, error) {
	cfg := cosbackend.Config{
		Profile: "backendtest", Endpoint: getenv(EnvEndpoint), Region: getenv(EnvRegion),
		Credentials: cosbackend.StaticCredentials(cosbackend.Credentials{
			SecretID: getenv(EnvSecretID), SecretKey: getenv(EnvSecretKey), Token: getenv(EnvSecurityToken),
		}),
	}
	// Where COS is reached without TLS through a proxy, that is where its STS is.
	cfg.Signing.Insecure = strings.HasPrefix(cfg.Endpoint, "http://") && getenv(EnvIssueCredentials) == "1"
	if getenv(EnvIssueCredentials) != "1" || getenv(EnvSecurityToken) != "" { // STS is not there, or does not narrow these
		cfg.Signing.Mode = cosbackend.SignWithOwnKeys
	}
	var err error
	if cfg.Transport.Proxy, err = environmentProxy(getenv); err != nil {
		return nil, err
	}
	c, err := cosbackend.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("backendtest: the target in COS_TEST_…: %w", err)
	}
	return c, nil
}

// environmentProxy returns nil for no proxy.
func environmentProxy(getenv func(string) string) (*url.URL, error) {
	text := getenv(EnvProxy)
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("backendtest: " + EnvProxy + " is not a URL") // err repeats it, with a password perhaps
	}
	return u, nil
}

// environmentHTTP is a client that signs nothing and follows no redirect.
func environmentHTTP(getenv func(string) string) (*http.Client, error) {
	proxy, err := environmentProxy(getenv)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyURL(proxy), DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

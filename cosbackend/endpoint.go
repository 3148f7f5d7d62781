package cosbackend

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

const (
	defaultEndpoint   = "https://{bucket}.cos.{region}.myqcloud.com"
	bucketPlaceholder = "{bucket}"
	regionPlaceholder = "{region}"

	mainDomain   = ".myqcloud.com"
	backupDomain = ".tencentcos.cn"
)

// An endpoint turns a bucket and a region into the host that serves them.
type endpoint struct {
	scheme string
	// domain is a whole host, which serves one bucket; "" for a template.
	domain string
	// beforeRegion and afterRegion surround the region and follow the bucket; with
	// a fixed region beforeRegion is everything.
	beforeRegion string
	afterRegion  string
	hasRegion    bool
	port         string // ":443" or ""
}

// parseEndpoint reads a template, or with the only bucket that it has to serve a custom
// domain as well. In a template the bucket must be the whole first label and the region,
// where there is one, a whole label: a validated name can then not become part of
// anything else in the host.
func parseEndpoint(template, bucket string) (endpoint, error) {
	scheme, rest, ok := strings.Cut(template, "://")
	if !ok || (scheme != "http" && scheme != "https") {
		return endpoint{}, errors.New("must begin with https:// or http://")
	}
	rest = strings.TrimSuffix(rest, "/")
	if strings.ContainsAny(rest, "/?#@\\") {
		return endpoint{}, errors.New("must be a scheme and a host only, without user, path or query")
	}
	e := endpoint{scheme: scheme}
	host := rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		if p, err := strconv.ParseUint(rest[i+1:], 10, 16); err != nil || p == 0 {
			return endpoint{}, errors.New("has a port that is not a number from 1 to 65535")
		}
		host, e.port = rest[:i], rest[i:]
	}
	rest, ok = strings.CutPrefix(host, bucketPlaceholder+".")
	switch {
	case ok:
		return e.withHost("." + rest)
	case strings.Contains(host, "{"):
		return endpoint{}, errors.New("must have {bucket} as the first label of its host, as in https://{bucket}.cos.{region}.myqcloud.com")
	case bucket == "":
		return endpoint{}, errors.New("must have {bucket} as the first label of its host, as in https://{bucket}.cos.{region}.myqcloud.com; a custom domain serves one bucket, which must be named beside it")
	}
	return e.withDomain(host, bucket)
}

// withDomain completes e with a whole host. A host of COS's own that is another bucket's,
// or that wants the bucket in the path, is a mistake.
func (e endpoint) withDomain(host, bucket string) (endpoint, error) {
	for label := range strings.SplitSeq(host, ".") {
		if !hostLabel(label) {
			return endpoint{}, fmt.Errorf("has the label %q in its host, which is not a name", label)
		}
	}
	first, rest, _ := strings.Cut(strings.ToLower(host), ".")
	if first != bucket && (strings.HasSuffix("."+rest, mainDomain) || strings.HasSuffix("."+rest, backupDomain)) {
		return endpoint{}, errors.New("is a host of COS that does not begin with the bucket; use {bucket} there, or a custom domain of the bucket")
	}
	e.domain = host
	return e, nil
}

// withHost completes e with the part of the host that follows the bucket.
func (e endpoint) withHost(host string) (endpoint, error) {
	e.beforeRegion = host
	if before, after, ok := strings.Cut(host, "."+regionPlaceholder); ok {
		e.hasRegion = true
		e.beforeRegion, e.afterRegion = before+".", after
		if after != "" && after[0] != '.' {
			return endpoint{}, errors.New("must have {region} as a whole label of its host")
		}
	}
	for label := range strings.SplitSeq(e.host("b-1", "r")[len("b-1."):], ".") {
		label = strings.TrimSuffix(label, e.port)
		if !hostLabel(label) {
			return endpoint{}, fmt.Errorf("has the label %q in its host, which is neither a placeholder nor a name", label)
		}
	}
	return e, nil
}

// host returns the host, with the port when the template has one.
func (e endpoint) host(bucket, region string) string {
	switch {
	case e.domain != "":
		return e.domain + e.port
	case !e.hasRegion:
		return bucket + e.beforeRegion + e.port
	}
	return bucket + e.beforeRegion + region + e.afterRegion + e.port
}

// publicHost is host without a port that clients leave out of the Host header: the
// header is signed.
func (e endpoint) publicHost(bucket, region string) string {
	if e.scheme == "https" && e.port == ":443" || e.scheme == "http" && e.port == ":80" {
		e.port = ""
	}
	return e.host(bucket, region)
}

// hostname is host without the port, which is how a copy source is named: by a host of
// COS, where the endpoint is a custom domain (A108).
func (e endpoint) hostname(bucket, region string) string {
	if e.domain != "" {
		return bucket + ".cos." + region + mainDomain
	}
	e.port = ""
	return e.host(bucket, region)
}

// regionHost is where the buckets of one region are listed (A020).
func (e endpoint) regionHost(region string) string { return e.host("", region)[1:] }

// serviceHost is where all buckets are listed (A020). An endpoint of one region
// lists that region; the accelerated one has no region, and lists all. A custom domain
// has none: it is "".
func (e endpoint) serviceHost() string {
	if e.domain != "" {
		return ""
	}
	if e.hasRegion {
		return "service" + strings.TrimSuffix(e.beforeRegion, ".") + e.afterRegion + e.port
	}
	if suffix, ok := strings.CutPrefix(e.beforeRegion, ".cos.accelerate."); ok {
		return "service.cos." + suffix + e.port
	}
	return e.beforeRegion[1:] + e.port
}

// backupHost is where the bucket of an operation is also served: under tencentcos.cn, when
// its host is name-appid.cos.region.myqcloud.com (A109). Other hosts have no backup.
func (op *operation) backupHost() (host string, ok bool) {
	host, port, _ := strings.Cut(op.host, ":")
	rest, isBucket := strings.CutPrefix(host, op.bucket+".cos.")
	region, isMain := strings.CutSuffix(rest, mainDomain)
	if op.bucket == "" || !isBucket || !isMain || !validRegion(region) {
		return "", false
	}
	host = strings.TrimSuffix(host, mainDomain) + backupDomain
	if port != "" {
		host += ":" + port
	}
	return host, true
}

// hasBackup reports whether the hosts of an endpoint have a backup.
func (e endpoint) hasBackup() bool {
	op := operation{bucket: "b-1", host: e.host("b-1", "r")}
	_, ok := op.backupHost()
	return ok
}

// hostLabel reports whether s can be one label of a host name.
func hostLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !lowerAlnum(c) && c != '-' && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// parseServiceEndpoint reads a URL without placeholders.
func parseServiceEndpoint(s string) (scheme, host string, err error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", "", errors.New("is not a URL; it takes no placeholders")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "", "", errors.New("must begin with https:// or http://")
	case u.Hostname() == "":
		return "", "", errors.New("has no host")
	case u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		return "", "", errors.New("must be a scheme and a host only, without user, path or query")
	}
	return u.Scheme, u.Host, nil
}

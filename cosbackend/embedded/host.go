package embedded

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// A hostKind is the kind of resource that a Host header (or an absolute-form target)
// addresses.
type hostKind int

const (
	hostForeign     hostKind = iota // a domain under none of the suffixes
	hostBare                        // an address, a name of one label, or a suffix alone: it names no bucket (E132)
	hostBucket                      // <bucket>.cos.<region>.<suffix>
	hostService                     // service.cos.<suffix> and cos.<region>.<suffix>
	hostWebsite                     // <bucket>.cos-website.<region>.<suffix>
	hostSTS                         // sts.tencentcloudapi.com, sts.<region>.tencentcloudapi.com, sts.<suffix>
	hostUnsupported                 // under a suffix, but in a form that COS uses for something else
)

// A hostName is a parsed host.
type hostName struct {
	kind   hostKind
	bucket string
	region string // "" for service.cos.<suffix>
}

// hostParser knows the host suffixes of one server, longest first.
type hostParser struct{ suffixes []string }

func newHostParser(suffixes []string) hostParser {
	var p hostParser
	for _, s := range suffixes {
		p.suffixes = append(p.suffixes, "."+strings.ToLower(strings.Trim(s, ".")))
	}
	return p
}

// parse reads a host, with or without a port.
func (p hostParser) parse(host string) hostName {
	host = hostWithoutPort(host)
	if label, ok := strings.CutSuffix(host, stsDomain); ok {
		region, more := strings.CutPrefix(label, "sts.")
		if label == "sts" || more && validRegion(region) {
			return hostName{kind: hostSTS, region: region}
		}
		return hostName{kind: hostUnsupported}
	}
	for _, suffix := range p.suffixes {
		if rest, ok := strings.CutSuffix(host, suffix); ok {
			return parseLabels(strings.Split(rest, "."))
		}
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err == nil || !strings.Contains(host, ".") || slices.Contains(p.suffixes, "."+host) {
		return hostName{kind: hostBare}
	}
	return hostName{kind: hostForeign}
}

// hostWithoutPort is a host in lower case, without its port and the dot of the root.
func hostWithoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// parseLabels parses the labels before the suffix.
func parseLabels(labels []string) hostName {
	switch {
	case len(labels) == 1 && labels[0] == "sts":
		return hostName{kind: hostSTS}
	case len(labels) == 2 && labels[0] == "service" && labels[1] == "cos":
		return hostName{kind: hostService}
	case len(labels) == 2 && labels[0] == "cos" && validRegion(labels[1]):
		return hostName{kind: hostService, region: labels[1]}
	case len(labels) == 3 && labels[1] == "cos" && validRegion(labels[2]):
		return hostName{kind: hostBucket, bucket: labels[0], region: labels[2]}
	case len(labels) == 3 && labels[1] == "cos-website" && validRegion(labels[2]):
		return hostName{kind: hostWebsite, bucket: labels[0], region: labels[2]}
	default:
		return hostName{kind: hostUnsupported}
	}
}

// validRegion reports whether s can be a region: one host label of lower-case
// letters, digits and inner dashes, without words that make a host another one, such as
// accelerate. COS adds regions, so there is no list.
func validRegion(s string) bool {
	others := []string{"accelerate", "cos", "internal", "service", "website"}
	return validLabel(s) && !slices.ContainsFunc(strings.Split(s, "-"), func(word string) bool { return slices.Contains(others, word) })
}

func validLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// validBucketName reports whether s is <name>-<appid>, as in a host.
func validBucketName(s string) bool {
	name, appid := splitBucket(s)
	return name != "" && appid != "" && validLabel(s) && validLabel(name) && strings.Trim(appid, "0123456789") == ""
}

// maxBucketHost is the length limit of the host of a new bucket (E004).
const maxBucketHost = 60

// bucketHost is the host by whose length a name is judged, whatever suffix a request
// has.
func bucketHost(bucket, region string) string { return bucket + ".cos." + region + ".myqcloud.com" }

// splitBucket cuts a bucket at its last dash.
func splitBucket(bucket string) (name, appid string) {
	i := strings.LastIndexByte(bucket, '-')
	if i < 0 {
		return bucket, ""
	}
	return bucket[:i], bucket[i+1:]
}

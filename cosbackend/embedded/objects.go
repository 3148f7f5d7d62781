package embedded

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

func (s *Server) putObject(x *exchange) error {
	if err := x.checkLength(); err != nil {
		return err
	}
	opts, err := x.putOptions()
	if err != nil {
		return err
	}
	u, err := s.receiveBody(x)
	if err != nil {
		return err
	}
	defer u.Abort()
	o, err := u.Commit(x.ctx(), x.bucket, x.key, opts)
	if err != nil {
		return err
	}
	h := x.response.header()
	h.Set("ETag", quoted(o.ETag))
	h.Set(headerCRC64, formatCRC(o.CRC64))
	showNewVersion(h, o.VersionID)
	describeEncryption(h, o.Encryption)
	if class := x.header(headerStorageClass); class != "" { // (E017)
		h.Set(headerStorageClass, class)
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func (s *Server) headObject(x *exchange) error {
	o, err := s.headObjectOrTarget(x)
	if err == nil {
		err = x.checkDecryption(o)
	}
	if err != nil {
		return err
	}
	if done, err := x.checkConditions(o); done || err != nil {
		return err
	}
	x.describe(x.response.header(), o)
	x.response.begin(http.StatusOK, o.Size)
	return nil
}

func (s *Server) getObject(x *exchange) error {
	overrides, err := x.responseOverrides()
	if err != nil {
		return err
	}
	o, body, err := s.openObjectOrTarget(x)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	if err := x.checkDecryption(o); err != nil {
		return err
	}
	if done, err := x.checkConditions(o); done || err != nil {
		return err
	}
	if err := x.checkReadable(o); err != nil {
		return err
	}
	part, err := x.requestedRange(o)
	if err != nil {
		return err
	}
	if part.first > 0 {
		if _, err := body.Seek(part.first, io.SeekStart); err != nil {
			return err
		}
	}
	h := x.response.header()
	x.describe(h, o)
	h.Set("Accept-Ranges", "bytes")
	for name, value := range overrides {
		h.Set(name, value)
	}
	status := http.StatusOK
	if part.partial {
		status = http.StatusPartialContent
		h.Set("Content-Range", part.contentRange(o.Size))
	}
	return s.send(x, body, status, part.length)
}

// responseOverrides reads response-content-type and the like, which only signed
// requests may use (E018).
func (x *exchange) responseOverrides() (map[string]string, error) {
	var overrides map[string]string
	for _, p := range x.params {
		name, ok := strings.CutPrefix(p.lower, "response-")
		if !ok {
			continue
		}
		if !x.signed {
			return nil, fail(invalidRequest, "The query parameter "+p.name+" needs a signed request.")
		}
		if strings.ContainsFunc(p.value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return nil, fail(invalidArgument, "The query parameter "+p.name+" holds a control character.")
		}
		if overrides == nil {
			overrides = make(map[string]string)
		}
		overrides[name] = p.value
	}
	return overrides, nil
}

func (s *Server) deleteObject(x *exchange) error {
	removals, err := s.store.Remove(x.ctx(), x.bucket, []store.DeleteTarget{{Key: x.key, VersionID: x.version()}})
	if err != nil {
		return err
	}
	if err := removals[0].Refused; err != nil {
		return err
	}
	h := x.response.header()
	if store.PossibleVersion(removals[0].VersionID) { // nothing else is copied from a request into a header
		showVersion(h, removals[0].VersionID)
	}
	if removals[0].Marker {
		h.Set(headerDeleteMarker, "true")
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

func formatCRC(crc uint64) string { return strconv.FormatUint(crc, 10) }

func objectRoutes() []route {
	download := []string{
		"response-cache-control", "response-content-disposition", "response-content-encoding",
		"response-content-language", "response-content-type", "response-expires", paramTrafficLimit, paramVersion,
	}
	conditional := []string{"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
	put := slices.Concat(aclHeaders(), []string{
		"x-cos-storage-class", "x-cos-website-redirect-location", "x-cos-tagging", "x-cos-content-sha1", "x-cos-forbid-overwrite", paramTrafficLimit,
	}, encryptionHeaders())
	cp := slices.Concat(aclHeaders(), []string{
		"x-cos-storage-class", "x-cos-website-redirect-location", "x-cos-tagging", "x-cos-tagging-directive", "x-cos-forbid-overwrite", "x-cos-metadata-directive",
	}, sourceHeaders(), encryptionHeaders())
	conditional = append(conditional, customerHeaders(prefixCustomer)...)
	return []route{
		{
			method: http.MethodPut, target: onObject, operation: opPutObject, access: writeBucket,
			params: []string{paramTrafficLimit}, headers: put, metadata: true, handle: (*Server).putObject,
		},
		{
			method: http.MethodPut, target: onObject, copies: true, operation: opCopyObject, access: ownerOnly,
			headers: cp, metadata: true, handle: (*Server).copyObject,
		},
		{
			method: http.MethodPost, target: onObject, sub: "append", operation: opAppendObject, access: writeBucket,
			params: []string{"position", paramTrafficLimit}, metadata: true, handle: (*Server).appendObject,
			headers: append(aclHeaders(), "x-cos-storage-class", "x-cos-website-redirect-location", "x-cos-content-sha1", paramTrafficLimit),
		},
		{
			method: http.MethodGet, target: onObject, operation: opGetObject, access: readObject,
			params: download, headers: append(slices.Clone(conditional), "if-range", paramTrafficLimit), handle: (*Server).getObject,
		},
		{
			method: http.MethodHead, target: onObject, operation: opHeadObject, access: readObject, params: []string{paramVersion},
			headers: conditional, handle: (*Server).headObject,
		},
		{
			method: http.MethodDelete, target: onObject, operation: opDeleteObject, access: writeBucket, params: []string{paramVersion},
			handle: (*Server).deleteObject,
		},
	}
}

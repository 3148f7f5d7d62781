package embedded

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerLinkTarget = "X-Cos-Symlink-Target"

	typeSymlink = "symlink"
)

// symlinkRoutes are the operations of symbolic links.
func symlinkRoutes() []route {
	return []route{
		{
			method: http.MethodPut, target: onObject, sub: "symlink", operation: opPutSymlink, access: writeBucket,
			headers: []string{"x-cos-symlink-target", "x-cos-acl", "x-cos-forbid-overwrite"}, metadata: true, handle: (*Server).putSymlink,
		},
		{
			method: http.MethodGet, target: onObject, sub: "symlink", operation: opGetSymlink, access: readObject,
			params: []string{paramVersion}, handle: (*Server).getSymlink,
		},
	}
}

// putSymlink makes a link. It is an object that holds the key of its target, which need
// not exist (E065).
func (s *Server) putSymlink(x *exchange) error {
	opts, err := x.putOptions()
	if err != nil {
		return err
	}
	if opts.LinkTarget, err = url.PathUnescape(x.header(headerLinkTarget)); err != nil || opts.LinkTarget == "" || checkKey(opts.LinkTarget) != nil {
		return fail(invalidArgument, "x-cos-symlink-target must be a url-encoded key.")
	}
	var one [1]byte
	if n, _ := io.ReadFull(x.body(), one[:]); n > 0 {
		return fail(invalidRequest, "A symbolic link has no body.")
	}
	u, err := s.store.NewUpload(x.ctx())
	if err != nil {
		return err
	}
	defer u.Abort()
	if _, err := io.WriteString(u, opts.LinkTarget); err != nil {
		return err
	}
	o, err := u.Commit(x.ctx(), x.bucket, x.key, opts)
	if err != nil {
		return err
	}
	h := x.response.header()
	h.Set("ETag", quoted(o.ETag))
	showNewVersion(h, o.VersionID)
	x.sendEmpty(http.StatusOK)
	return nil
}

// getSymlink returns the target of a link.
func (s *Server) getSymlink(x *exchange) error {
	o, err := s.store.HeadVersion(x.ctx(), x.bucket, x.key, x.version())
	if err != nil {
		return err
	}
	if o.Type != typeSymlink {
		return fail(invalidArgument, "The object is not a symbolic link.")
	}
	h := x.response.header()
	h.Set(headerLinkTarget, urlEncode(o.LinkTarget))
	h.Set("ETag", quoted(o.ETag))
	h.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	showVersion(h, o.VersionID)
	x.sendEmpty(http.StatusOK)
	return nil
}

// headObjectOrTarget finds the object of a HEAD. For a link that is its target, under
// the version of the link.
func (s *Server) headObjectOrTarget(x *exchange) (store.Object, error) {
	o, err := s.store.HeadVersion(x.ctx(), x.bucket, x.key, x.version())
	if err != nil || o.Type != typeSymlink {
		return o, err
	}
	if err := x.checkFollow(x.ctx(), o.LinkTarget); err != nil {
		return o, err
	}
	target, err := s.store.Head(x.ctx(), x.bucket, o.LinkTarget)
	return linked(o, target), linkFailure(target, err)
}

// openObjectOrTarget is headObjectOrTarget with the content. Without an error the
// caller closes it.
func (s *Server) openObjectOrTarget(x *exchange) (store.Object, io.ReadSeekCloser, error) {
	o, body, err := s.store.OpenVersion(x.ctx(), x.bucket, x.key, x.version())
	if err != nil || o.Type != typeSymlink {
		return o, body, err
	}
	_ = body.Close() // it was only opened
	if err := x.checkFollow(x.ctx(), o.LinkTarget); err != nil {
		return o, nil, err
	}
	target, body, err := s.store.Open(x.ctx(), x.bucket, o.LinkTarget)
	if err != nil {
		return o, nil, linkFailure(target, err)
	}
	if err := linkFailure(target, nil); err != nil {
		_ = body.Close()
		return o, nil, err
	}
	return linked(o, target), body, nil
}

// checkFollow checks whether the caller may read the target of a link: a link grants no
// access.
func (x *exchange) checkFollow(ctx context.Context, target string) error {
	direct := *x
	direct.key, direct.params = target, nil
	return direct.permit(ctx, readObject, x.route.operation, target)
}

// linked is a target as it is seen through a link.
func linked(link, target store.Object) store.Object {
	target.Type, target.VersionID = typeSymlink, link.VersionID
	return target
}

// linkFailure is why a link cannot be followed: its target is missing, or is a link
// itself (E066).
func linkFailure(target store.Object, err error) error {
	switch {
	case errors.Is(err, store.ErrNoSuchKey):
		return fail(noSuchKey, "The target of the symbolic link does not exist.")
	case err == nil && target.Type == typeSymlink:
		return store.ErrLinkToLink
	default:
		return err
	}
}

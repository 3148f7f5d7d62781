package service

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// settings converts what a write says about its object besides attributes.
func settings(a *cosgatev1.ObjectAttributes) cosbackend.Settings {
	return cosbackend.Settings{
		ACL:        a.GetAcl(),
		Grants:     perhaps(a.GetGrants(), grantHeaders),
		Tags:       mapped(a.GetTags(), tag),
		Encryption: encryption(a.GetEncryption()),
		Retention:  retention(a.GetRetention()),
	}
}

func retention(r *cosgatev1.ObjectRetention) cosbackend.Retention {
	var until time.Time
	if r.GetRetainUntil() != nil {
		until = r.GetRetainUntil().AsTime()
	}
	return cosbackend.Retention{Mode: r.GetMode(), Until: until}
}

func retentionProto(r cosbackend.Retention) *cosgatev1.ObjectRetention {
	if r.Until.IsZero() {
		return nil
	}
	return &cosgatev1.ObjectRetention{Mode: r.Mode, RetainUntil: timestamppb.New(r.Until)}
}

func restoreProto(r *cosbackend.RestoreInfo) *cosgatev1.RestoreState {
	if r == nil {
		return nil
	}
	return &cosgatev1.RestoreState{Ongoing: r.Ongoing, ExpireTime: timestamp(r.Expires)}
}

// describe adds to an object what COS tells of it beside content and attributes.
func describe(out *cosgatev1.Object, o cosbackend.ObjectInfo) {
	out.Encryption = encryptionInfoProto(o.Encryption)
	out.Restore = restoreProto(o.Restore)
	out.ReplicationStatus = o.ReplicationStatus
	out.Retention = retentionProto(o.Retention)
	if o.HasTagCount {
		n := int32(o.TagCount) //nolint:gosec // below 65,536
		out.TagCount = &n
	}
}

func responseHeaders(h *cosgatev1.ContentHeaders) cosbackend.ResponseHeaders {
	return cosbackend.ResponseHeaders{
		ContentType:        h.GetContentType(),
		CacheControl:       h.GetCacheControl(),
		ContentDisposition: h.GetContentDisposition(),
		ContentEncoding:    h.GetContentEncoding(),
		ContentLanguage:    h.GetContentLanguage(),
		Expires:            h.GetExpires(),
	}
}

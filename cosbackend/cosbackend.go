// Package cosbackend is a client of Tencent COS over HTTP: it signs, sends, retries and
// decodes every operation in the same way, and reports each request to an [Observer].
// It knows nothing of gRPC; package service turns its results and errors into those of
// the gateway.
//
// # What it promises
//
// A [Client] serves one profile: one endpoint, one default region, one source of
// credentials. It is safe for concurrent use and reuses its connections. Its methods end
// with their context.
//
// A failure that COS or the network caused is an [*Error], which says whether the same call
// may succeed later and whether the operation may have been applied nevertheless. An
// argument that the package refuses before it sends anything is a [*ValidationError]. A
// checksum that does not match is an [*IntegrityError], and a caller's reader that fails
// is a [*BodyError]. No error, log line or printed value holds a secret.
//
// Comments cite facts about COS by their numbers in assumptions.go, such as A007.
//
// # Where things are
//
//   - client.go, config.go, endpoint.go, credential*.go: a Client and what it is made of.
//   - put_object.go, get_object.go, multipart.go, buckets.go, bucket_*.go and so on: the
//     operations by noun, each file with its options and results.
//   - operation.go, attempt.go, response.go, retry.go, settle.go: how an operation is
//     carried out, one request after the other. retry_class.go says what may be retried,
//     codes.go what each COS error code means.
//   - object_body.go, body_reader.go, zerocopy.go, transport.go: the transfer of content.
//   - signer.go, presign.go, post_policy.go: signatures.
//   - sts.go, session_policy.go, narrowed_credentials.go, issued_credentials.go: temporary
//     credentials that may do less than the profile.
//   - errors.go, error_body.go, scrub.go: errors, and how secrets stay out of them.
//   - regions.go: the lookup of a bucket's region.
package cosbackend

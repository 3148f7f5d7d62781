// Package cosbackend talks to COS over HTTP: it signs, sends, repeats, decodes
// and records, for every operation the same way.
//
// It knows nothing of gRPC. What COS or the network refuses is an [*Error], what
// the package itself refuses before a request leaves is a [*ValidationError], a
// body whose checksum does not match is an [*IntegrityError], and a reader of the
// caller that fails is a [*BodyError]. Package service decides what a caller of
// the gateway is told about them.
//
// A [Client] serves one profile: one endpoint, one default region, one source of
// credentials. It is safe for concurrent use and keeps its connections.
package cosbackend

package cosbackend

// Facts about COS that this package relies on. They come from the public
// documentation and from the official SDKs; the conformance suite checks those
// that can be checked from outside. Comments cite them by number.
//
//	A001  The signature is HMAC-SHA1 as documented: the path is decoded, names are in
//	      lower case with their escapes, values keep upper-case escapes, and what is
//	      not listed is not covered.
//	A002  COS decodes the path once and cleans nothing: %2F is a slash of the key, and
//	      "//", "." and ".." are parts of it like any other.
//	A003  x-cos-hash-crc64ecma is the CRC-64/ECMA-182 of the whole object, decimal, on
//	      answers to PUT, GET and HEAD, for a range too.
//	A004  COS's encoding keeps letters, digits and - _ . ~ and nothing else.
//	A005  Answers to GET and HEAD of an object have a Content-Length.
//	A006  COS serves one range in all three forms of HTTP. Only first-last is documented.
//	A007  The answer to a failed HEAD has no body: the status and the ids in the
//	      headers are all there is.
//	A008  Every answer of COS bears x-cos-request-id, or x-ci-request-id, or a
//	      RequestId in the error body. One that bears none comes from something else.
//	A009  Conditions take ETags in quotes.
//	A010  An ETag is opaque: it is the MD5 of some objects only.
//	A011  x-cos-storage-class is absent for STANDARD.
//	A012  A bucket is name-APPID in lower-case letters, digits and hyphens; a key is 1 to
//	      850 bytes of UTF-8; one PUT takes at most 5 GiB; user metadata at most 2 KiB.
//	A013  Deleting a key that does not exist succeeds.
//	A014  x-cos-forbid-overwrite: true refuses with 409 FileAlreadyExists, but not in a
//	      bucket that has, or had, versioning.
//	A015  A copy of an object onto itself is refused unless it replaces the metadata.
//	A016  COS sends no Retry-After. One is obeyed all the same, within bounds.
//	A017  RequestTimeout and UserNetworkTooSlow come with the status 400 and pass.
//	A018  A copy source is host/key with the key escaped as in a path, and ?versionId=.
//	A019  With encoding-type=url the names in a list are encoded as in a query, and the
//	      answer says so in EncodingType. A space may be "+".
//	A020  service.cos.<suffix> lists the buckets of all regions, cos.<region>.<suffix>
//	      those of one; the first also takes the parameter region.
//	A021  An upload with a Content-Length that breaks off stores nothing.
//	A022  An upload id is 1 to 256 of the characters that a URL leaves alone: letters,
//	      digits and - _ . ~. COS's are hexadecimal today.
//	A023  Parts are numbered 1 to 10000 and hold 1 MiB to 5 GiB each, the last one may
//	      be smaller. Only the completion checks the lower bound, and that no number is
//	      missing between the first and the last one.
//	A024  Lists of parts and uploads name the encoding EncodingType, Encoding-Type or
//	      Encoding-type, and joined keys CommonPrefixes or CommonPrefixs.
//	A025  A completion answers 200 at once and sends white space, at least once a
//	      minute, until the result or an <Error> follows in the same body.
//	A026  The ETag of a completed object ends in "-" and the number of its parts, and
//	      its Last-Modified is when it was completed.
//	A027  An append that is refused with AppendPositionErr may name the end of the
//	      object in x-cos-next-append-position; the checksum of an accepted one is
//	      that of the whole object.
//	A028  A completed or aborted upload is NoSuchUpload from then on.
//	A080  The metadata service of a CVM lists the names of its roles, one a line, at
//	      /latest/meta-data/cam/security-credentials/ and answers below that, to a
//	      role's name, with JSON: TmpSecretId, TmpSecretKey, Token, ExpiredTime,
//	      Expiration and Code. It wants no header.
//	A081  Code is "Success" when the rest holds; a machine without the role gets 404.
//	A082  ExpiredTime is in seconds since 1970, Expiration the same moment as in
//	      RFC 3339. Both sources say both.
//	A083  The metadata service renews credentials by itself, and may give out
//	      the same ones until then.
//	A084  TC3-HMAC-SHA256 is as documented: names and values of headers in lower case,
//	      content-type and host at least, the date in UTC, the service "sts".
//	A085  The headers X-TC-Action, -Version, -Region and -Timestamp go with a request,
//	      and -Token when the credentials are temporary. The timestamp may be off by
//	      five minutes at most.
//	A086  AssumeRole of STS, version 2018-08-13, takes RoleArn, RoleSessionName (2 to
//	      128 characters), DurationSeconds (7200 unless given, at most 43200), Policy
//	      (JSON, encoded as in a URL) and ExternalId.
//	A087  STS answers 200 with {"Response": ...}, which has Credentials (TmpSecretId,
//	      TmpSecretKey, Token), ExpiredTime, Expiration and RequestId, or an Error with
//	      Code and Message and the RequestId.

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
//	A070  A signature may stand in the query, as parameters named like its fields; the
//	      other parameters and the listed headers are covered as in the header form. A
//	      token may stand there too, and is signed. The end of the signed time is when
//	      the URL ends: AccessDenied from then on.
//	A071  A form upload is held against its policy: every field that a condition names
//	      must be there, whatever the case of its name, and fit; the policy's text is
//	      what is signed, and the condition on the signed time is called q-sign-time
//	      where the field is called q-key-time.
//	A072  The answer to Select is frames: lengths of the frame and of its headers, their
//	      CRC32, headers whose values are texts, the payload, and the CRC32 of it all. A
//	      frame of a result may end inside of a record.
//	A073  Only a frame End says that a result is whole. An error frame ends it otherwise,
//	      inside the HTTP 200; its code and message stand in headers of the frame.
//	A074  The codes Busy and Overload of Select pass, though they come with 400.
//	A075  Frames Cont keep the connection of a Select alive: at least one comes a minute.
//	A076  Select takes its flags as TRUE and FALSE, and wants QuoteFields of CSV results.

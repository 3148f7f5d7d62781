package cosbackend

// Facts about COS that this package relies on. They come from the public
// documentation and from the official SDKs; the conformance suite checks those
// that can be checked from outside. Comments cite them by number.
//
//	A001  [documented 436/7778] The signature is HMAC-SHA1 as documented: the path is
//	      decoded, names are in lower case with their escapes, values keep upper-case
//	      escapes, and what is not listed is not covered.
//	A002  [assumed] COS decodes the path once and cleans nothing that is escaped: %2F is a
//	      slash of the key, and "//", "." and ".." are parts of it like any other, unless
//	      all of it simplifies to the bucket (A122).
//	A003  [documented 436/34078] x-cos-hash-crc64ecma is the CRC-64/ECMA-182 of the whole
//	      object, decimal, on responses to PUT, GET and HEAD, for a range too.
//	A004  [documented 436/7778] COS's encoding keeps letters, digits and - _ . ~ and nothing
//	      else.
//	A005  [documented 436/7729] Responses to GET and HEAD of an object have a
//	      Content-Length.
//	A006  [documented 436/7753 in part] COS serves one range in all three forms of HTTP.
//	      Only first-last is documented.
//	A007  [seen a published HEAD-like 403 of 2022] The response to a failed HEAD has no
//	      body: the status and the ids in the headers are all there is.
//	A008  [documented 436/7729, 436/7730] Every COS response has x-cos-request-id, or
//	      x-ci-request-id, or a RequestId in the error body. One without comes from
//	      something else.
//	A009  [documented 436/7753] Conditions take ETags in quotes.
//	A010  [documented 436/7749] An ETag is opaque: it is the MD5 of some objects only.
//	A011  [documented 436/7753, 436/7745] x-cos-storage-class is absent for STANDARD on GET
//	      and HEAD. The response to a PUT has the class that was asked for.
//	A012  [documented 436/13312, 436/14518, 436/7749] A bucket is name-APPID in lower-case
//	      letters, digits and hyphens; a key is 1 to 850 bytes of UTF-8; one PUT takes at
//	      most 5 GiB; user metadata at most 2 KiB.
//	A013  [client cos-js-sdk-v5] Deleting a key that does not exist succeeds.
//	A014  [documented 436/7749] x-cos-forbid-overwrite: true refuses with 409
//	      FileAlreadyExists, but not in a bucket that has, or ever had, versioning.
//	A015  [documented 436/10881] A copy of an object onto itself is refused unless it
//	      replaces the metadata.
//	A016  [assumed] COS sends no Retry-After. One is obeyed all the same, within bounds.
//	A017  [documented 436/7730 in part] RequestTimeout and UserNetworkTooSlow come with the
//	      status 400 and pass.
//	A018  [documented 436/10881] A copy source is host/key with the key escaped as in a
//	      path, and ?versionId=.
//	A019  [documented 436/30614 in part] With encoding-type=url the names in a list are
//	      encoded as in a query, and the response says so in EncodingType. A space may be
//	      "+".
//	A020  [documented 436/8291] service.cos.<suffix> lists the buckets of all regions,
//	      cos.<region>.<suffix> those of one; the first also takes the parameter region.
//	A021  [assumed] An upload with a Content-Length that breaks off stores nothing.
//	A022  [assumed] An upload id is 1 to 256 of the characters that a URL leaves alone:
//	      letters, digits and - _ . ~. COS's are hexadecimal today.
//	A023  [documented 436/7750, 436/7742] Parts are numbered 1 to 10000 and hold 1 MiB to 5
//	      GiB each, the last one may be smaller. Only the completion checks the lower bound,
//	      and that no number is missing between the first and the last one.
//	A024  [documented 436/7736, 436/7747] Lists of parts and uploads name the encoding
//	      EncodingType, Encoding-Type or Encoding-type, and joined keys CommonPrefixes or
//	      CommonPrefixs.
//	A025  [documented 436/7742] A completion responds with 200 at once and sends white
//	      space, at least once a minute, until the result or an <Error> follows in the same
//	      body.
//	A026  [documented 436/7742] The ETag of a completed object ends in "-" and the number of
//	      its parts, and its Last-Modified is when it was completed.
//	A027  [assumed] An append that is refused with AppendPositionErr may name the end of the
//	      object in x-cos-next-append-position; the checksum of an accepted one is that of
//	      the whole object.
//	A028  [documented 436/7740, 436/7742] A completed or aborted upload is NoSuchUpload from
//	      then on.
//	A030  [documented 436/8279, 436/8280] A configuration of a bucket is one document, which
//	      is read and replaced whole; what was put is what is read. A PUT, and a DELETE, may
//	      be retried.
//	A031  [documented 436/8279, 436/8280, 436/8281] COS takes Content-MD5 with every
//	      configuration, and wants it with CORS, lifecycle and tags.
//	A032  [assumed] Removing a configuration that is not there succeeds.
//	A033  [assumed] A referer configuration, tiering in either form, and strict signatures
//	      that were never put are 200 with an empty response or an empty document.
//	A034  [documented 436/7730, 436/8276] A policy comes back byte for byte, but its members
//	      Statement and version come back in this spelling, however they were put; a missing
//	      one is NoSuchBucketPolicy or NoSuchPolicy.
//	A035  [documented 436/19888, 436/17053, 436/33412] Versioning, logging and acceleration
//	      that were never set are 200 with a document that says nothing.
//	A036  [client cos-go-sdk-v5] A PUT of a referer configuration without content removes
//	      it.
//	A037  [documented 436/30625, 436/38314] The id of an inventory job or a tiering rule has
//	      1 to 128 letters, digits and . _ -, and is the same in the query and in the
//	      document.
//	A038  [documented 436/30627] Inventory jobs are listed 100 at a time, and go on by a
//	      continuation-token.
//	A039  [documented 436/7733] Every bucket has an ACL, with its owner. xsi:type
//	      distinguishes a grantee that is an account, with ID, from a group, with URI; a
//	      grant header has id="…".
//	A040  [documented 436/7730] Each other configuration that is not there is 404 with a
//	      code of its own.
//	A041  [documented 436/8280] Dates in lifecycle rules may have any zone; COS documents
//	      UTC with milliseconds.
//	A042  [documented 436/35869] The response to GET of the custom domains says in a header
//	      what a TXT record of a domain must hold.
//	A043  [client cos-go-sdk-v5] Of a domain's certificate COS returns the id and, in
//	      seconds of Unix, from when to when it is valid; never the certificate or its key.
//	A044  [documented 436/19889] Versioning that was enabled can be suspended, and is never
//	      unset again.
//	A045  [documented 436/46869] A one-off inventory id is used once: DuplicateInventoryId.
//	A046  [documented 436/13310] An origin rule has several HostInfo, with StandbyHostName_1
//	      to _10 in each, and numbers, false and empty texts in it mean something.
//	A050  [documented 436/31551] A list of versions goes by key, and the newest of a key
//	      first; versions and delete markers alternate as they happen to follow each other.
//	A051  [assumed] A delete marker that is the newest version, or is requested by its
//	      version, is 404 to GET and HEAD, with x-cos-delete-marker: true.
//	A052  [documented 436/7749, 436/35665, 436/35664] x-cos-tagging holds at most 10 tags
//	      written as a query; keys have 1 to 127 characters and values 1 to 255: letters and
//	      digits of any script, spaces and +-=._:/@. x-cos-tagging-count is the number of an
//	      object's tags, and absent without any.
//	A053  [documented 436/7753 in part] An object with a key of the caller's is read, copied
//	      and uploaded in parts only with that key; without it, or with another, that is
//	      400.
//	A054  [documented 436/12633] Restoring responds with 202 when it begins, 200 when the
//	      object is restored already. x-cos-restore has its state.
//	A055  [client cos-go-sdk-v5] x-cos-symlink-target holds the key escaped, both ways.
//	A056  [seen a published PUT and GET of a retention] A retention has the mode COMPLIANCE
//	      and a time of RFC 3339 with milliseconds; it is written with
//	      x-cos-object-lock-mode and -retain-until-date, too.
//	A057  [client cos-go-sdk-v5] With x-cos-callback an <Error> in a 2xx response to a PUT
//	      is of the callback: the object is stored. A completion says so in CallbackResult.
//	A058  [client cos-go-sdk-v5] The response to a write with Pic-Operations is a document
//	      about its images.
//	A059  [documented 436/7753, 436/7749] x-cos-traffic-limit is 819200 to 838860800 bits
//	      per second on GET, PUT and parts, and 400 beyond.
//	A060  [documented 436/8288] OPTIONS of an object responds by the CORS rules of the
//	      bucket, or with 403 AccessForbidden.
//	A061  [documented 436/7733, 436/7737] Grants are headers such as x-cos-grant-read:
//	      id="...",id="...", or a document AccessControlPolicy, as it is read.
//	A062  [documented 436/7753] response-* parameters of a signed GET replace the content
//	      headers of the response.
//	A070  [client cos-go-sdk-v5, cos-js-sdk-v5] A signature may stand in the query, as
//	      parameters named like its fields; the other parameters and the listed headers are
//	      covered as in the header form. A token may stand there too, and is signed. The end
//	      of the signed time is when the URL ends: AccessDenied from then on.
//	A071  [documented 436/14690] A form upload is held against its policy: every field that
//	      a condition names must be there, whatever the case of its name, and fit; the
//	      policy's text is what is signed, and the condition on the signed time is called
//	      q-sign-time where the field is called q-key-time.
//	A072  [documented 436/32360] The response to Select is frames: lengths of the frame and
//	      of its headers, their CRC32, headers whose values are texts, the payload, and the
//	      CRC32 of it all. A frame of a result may end inside of a record.
//	A073  [documented 436/32360] Only a frame End says that a result is whole. An error
//	      frame ends it otherwise, inside the HTTP 200; its code and message stand in
//	      headers of the frame.
//	A074  [documented 436/32360] The codes Busy and Overload of Select pass, though they
//	      come with 400.
//	A075  [assumed] Frames Cont keep the connection of a Select alive: at least one comes a
//	      minute.
//	A076  [documented 436/32360] Select takes its flags as TRUE and FALSE, and wants
//	      QuoteFields of CSV results.
//	A080  [client cos-go-sdk-v5] The metadata service of a CVM lists the names of its roles,
//	      one a line, at /latest/meta-data/cam/security-credentials/ and responds below
//	      that, to a role's name, with JSON: TmpSecretId, TmpSecretKey, Token, ExpiredTime,
//	      Expiration and Code. It wants no header.
//	A081  [client cos-go-sdk-v5] Code is "Success" when the rest holds; a machine without
//	      the role gets 404.
//	A082  [client cos-go-sdk-v5, tencentcloud-sdk-go] ExpiredTime is in seconds since 1970,
//	      Expiration the same moment as in RFC 3339. Both sources say both.
//	A083  [assumed] The metadata service renews credentials by itself, and may give out the
//	      same ones until then.
//	A084  [client tencentcloud-sdk-go] TC3-HMAC-SHA256 is as documented: names and values of
//	      headers in lower case, content-type and host at least, the date in UTC, the
//	      service "sts".
//	A085  [client tencentcloud-sdk-go] The headers X-TC-Action, -Version, -Region and
//	      -Timestamp go with a request, and -Token when the credentials are temporary. The
//	      timestamp may be off by five minutes at most.
//	A086  [client tencentcloud-sdk-go] AssumeRole of STS, version 2018-08-13, takes RoleArn,
//	      RoleSessionName (2 to 128 characters), DurationSeconds (7200 unless given, at most
//	      43200), Policy (JSON, encoded as in a URL) and ExternalId.
//	A087  [client tencentcloud-sdk-go] STS responds with 200 with {"Response": ...}, which
//	      has Credentials (TmpSecretId, TmpSecretKey, Token), ExpiredTime, Expiration and
//	      RequestId, or an Error with Code and Message and the RequestId.
//	A088  [documented 1312/48195] GetFederationToken of STS takes Name (letters; the
//	      official SDKs send hyphens, too), Policy (as AssumeRole does, and required) and
//	      DurationSeconds (at most 7200 for the keys of an account, 129600 for those of a
//	      sub-account), and only long-lived keys may sign it. (API reference, 1312/48195)
//	A089  [client tencentcloud-sdk-go] STS's codes InternalError.* and RequestLimitExceeded
//	      pass, and so does InvalidParameter.OverLimit, which means too many calls. A policy
//	      that is too long is InvalidParameter.PolicyTooLong or .ExtendStrategyOverSize.
//	A090  [documented 436/71307, 436/46206 in part] A policy may have conditions, all of
//	      which must be met. The key of a condition is "cos:" and the name of a header or
//	      parameter in lower case, a parameter's value is written as it is escaped in a URL,
//	      and string_equal_if_exist is met by a request without it, and with "" by one whose
//	      value is empty. Documented (436/71307, 436/46206) are versionid,
//	      response-content-type, x-cos-acl and a few that are not used here; for
//	      x-cos-grant-*, x-cos-tagging, x-cos-object-lock-*, x-cos-callback and
//	      pic-operations it is an assumption.
//	A091  [assumed] A policy of CAM has at most 6144 characters; STS says of its own limit
//	      only that there is one.
//	A092  [documented 436/30580] The actions of CAM are named as 436/30580 lists them; an
//	      upload by PUT is PutObject, a form PostObject, and a copy wants GetObject of its
//	      source in addition. A resource is qcs::cos:REGION:uid/APPID:BUCKET/KEY with the
//	      key as it is, "*" in it stands for any text, and nothing escapes it.
//	A093  [assumed] COS accepts headers and parameters that the signature does not cover,
//	      unless the bucket has strict signatures.
//	A094  [seen samples of 436/14690] A form needs no condition for each of its fields:
//	      samples of 436/14690 have fields that no condition names, and were accepted. The
//	      embedded server is stricter (E118), and nothing relies on either.
//	A095  [client cos-go-sdk-v5] An origin configuration has, beside what its page says,
//	      PrivateHost and PrivateStandbyHost_N with a CredentialProvider, the
//	      FollowRedirectionConfiguration, ReplacedWithPrefix and ReplacedWithSuffix, and
//	      ForbidFollowHttpHeaders, which is the newer name of ForbidFollowHeaders. The
//	      numbers of standby hosts need not begin with 1.
//	A105  [documented 436/7738 in part] Create Bucket takes tags in x-cos-tagging, and a
//	      body CreateBucketConfiguration with BucketAZConfig, BucketArchConfig and
//	      BucketStorageClass, of which the page has the first.
//	A106  [documented 436/8275] The region in LocationConstraint may have the prefix "cos.",
//	      as in the samples of the page.
//	A107  [documented 436/8291] GET Service takes tagkey and tagvalue for one tag, and
//	      create-time in seconds with range lt, lte, gt or gte. A sample of the page has
//	      several elements Buckets, and names with white space around them.
//	A108  [documented 436/42381 in part] A custom domain that is bound to a bucket takes
//	      every request on the bucket and its objects, signed for its host; none says which
//	      bucket. It takes none of the service. The source of a copy is named by a host of
//	      COS.
//	A109  [client cos-go-sdk-v5] name-appid.cos.region.tencentcos.cn serves what the same
//	      host under myqcloud.com serves, at the same time and to the same credentials.
//	A110  [seen 436/7736, 436/8287, 436/8282] Dates are those of HTTP or of ISO 8601, in UTC
//	      where ISO 8601 names no zone. Older responses write "Wed Jan 18 16:04:17 2017":
//	      that is China Standard Time, eight hours ahead of UTC, as ids of the same
//	      responses show.
//	A111  [assumed] GET of ?location fails with the code of the credentials, such as
//	      ExpiredToken, when they are why COS refuses a HEAD.
//	A115  [client cos-java-sdk-v5, cos-python-sdk-v5] Content headers and user metadata
//	      travel as bytes, both ways: text is UTF-8 as it is, and is signed as these bytes.
//	      COS returns what it was sent, whatever the bytes are.
//	A116  [client cos-java-sdk-v5] x-cos-website-redirect-location is stored with an object,
//	      and returned with it.
//	A117  [seen sample of 436/7747] A list of parts writes the class STANDARD as Standard.
//	      No two classes differ in case only.
//	A118  [documented 436/30614, 436/7745] While an object is restored, x-cos-restore-status
//	      has the tier and the time of the request: tier="expedited"; request-date="...". A
//	      list says RestoreStatus, which is DONE once the object can be read.
//	A119  [client cos-go-sdk-v5] x-cos-content-sha1 in the response to an append is the MD5
//	      of what was appended.
//	A120  [seen a public report of a list with a%FFb and 50%] A list has names that are not
//	      UTF-8 once they are decoded, and names that are not encoded although the list says
//	      so.
//	A121  [assumed] The response to DeleteObjects mentions every object that was asked for,
//	      unless it is
//	A122  [client cos-nodejs-sdk-v5] A request to a path that simplifies to "/", such as
//	      ///// and /./, is one to the bucket: GET lists it. Official clients refuse keys
//	      that are such paths, and so does this one, escaped or not.
//	A123  [seen a published MalformedXML error of 2022] A raw "//" inside of a path is read
//	      as one slash. quiet: then one that it does not mention was deleted. What it leaves
//	      out may have been deleted or not.
//	A130  [client cos-js-sdk-v5, client cos-nodejs-sdk-v5] What is written without a
//	      Content-Type gets the type of its key's suffix, such as text/plain for .txt, and
//	      application/octet-stream without a known one. COS publishes no list of suffixes.

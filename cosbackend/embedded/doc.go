// Package embedded is a COS-compatible HTTP server with a crash-safe store, for
// development, for tests, and for running without a cloud account.
//
// It speaks the XML API of COS over an in-memory connection, over TCP and as the
// target of an HTTP proxy. It is strict: signatures are checked, and a request for
// something that COS does and this server does not gets a 501 NotImplemented that names
// it. What COS does not know is ignored, as COS ignores it. Package store keeps the buckets
// and objects.
//
// Server-side encryption is checked and reported, not done: bytes are plain on disk
// whatever encryption an object has. A customer-provided key is needed for each read,
// as in COS; only its MD5 and a salted hash of it are stored. A callback or an image operation
// in a request is refused: the server never makes requests to addresses that come with
// a request.
//
// # Assumptions
//
// Where the public documentation of COS is silent or contradicts itself, the server
// has to choose. The choices are numbered and cited in the code, and each is cited by
// a test; none of them was compared with the real COS.
//
//	E001  [own] Error messages are not a contract; codes and statuses are.
//	E002  [assumed] A key that XML 1.0 cannot hold is listed with numeric references, unless
//	      encoding-type=url is asked for.
//	E003  [seen a published HEAD-like 403 of 2022] An error response to a HEAD has
//	      Content-Type application/xml and length 0.
//	E004  [documented 436/13312] A new bucket's host under myqcloud.com,
//	      <name>-<appid>.cos.<region>.myqcloud.com, has at most 60 characters; a longer one
//	      is BucketNameTooLong. Buckets that are older may have longer names.
//	E005  [documented 436/7730, 436/14518] A key over 850 bytes is KeyTooLong; one that is
//	      not UTF-8 or contains CAN, EM, SUB or ESC is InvalidObjectName.
//	E006  [assumed] A bucket asked for in another region is NoSuchBucket; there is no
//	      redirect.
//	E007  [assumed] An Authorization header takes precedence over the parameter sign, and
//	      that over the seven q- parameters; what is overridden is an ordinary parameter.
//	E008  [assumed] A repeated name in q-header-list or q-url-param-list means the same as
//	      one: all values, sorted.
//	E009  [assumed] A malformed signature is AccessDenied.
//	E010  [assumed] An unknown security token is InvalidAccessKeyId.
//	E011  [documented 436/40105 in part] A signature whose time has ended, or begins up to
//	      15 minutes from now, is AccessDenied "Request has expired"; one that begins later,
//	      or a Date header more than 15 minutes off, is RequestTimeTooSkewed.
//	E012  [assumed] GET Service returns at most 2,000 buckets, ordered by name; its marker
//	      is the name of a bucket and exclusive.
//	E013  [own] The owner of the service is an example account; the owner of an object is
//	      the appid of its bucket.
//	E014  [assumed] max-keys, max-parts or max-uploads out of range is InvalidArgument; it
//	      is not reduced to the maximum, except that of GET Service (E131).
//	E015  [own] Objects in an intelligent tiering class stay in the tier FREQUENT.
//	E016  [assumed] The size of user metadata is that of the names without x-cos-meta- plus
//	      the values.
//	E017  [seen responses to PUT of 2023 and 2024] x-cos-storage-class is absent for
//	      STANDARD on GET and HEAD; the response to a PUT has the class that the request
//	      named, STANDARD too. A list always has the class.
//	E018  [documented 436/7753] response-* parameters on an unsigned request are
//	      InvalidRequest.
//	E019  [assumed] A Range that is not a byte range is ignored; first-, -suffix and
//	      If-Range work as in HTTP; several ranges are NotImplemented. A malformed byte
//	      range is ignored too, but any of an empty object is InvalidRange.
//	E020  [assumed] Several conditions on one request have the precedence that HTTP gives
//	      them.
//	E021  [assumed] An entity tag in a condition may be without its quotes.
//	E022  [assumed] "+" in the key of x-cos-copy-source is a plus sign.
//	E023  [documented 436/7730] A copy whose source bucket or key is missing is
//	      NoSuchCopySource.
//	E024  [documented 436/7730 in part] A prefix, delimiter or marker over 1,024 bytes is
//	      InvalidURI; a delimiter of more than one character is InvalidDelimiter.
//	E025  [assumed] max-keys=0, max-parts=0 or max-uploads=0 returns an empty page that is
//	      not truncated.
//	E026  [documented 436/30614] A list omits EncodingType and Delimiter when they were not
//	      asked for, and NextMarker when nothing follows.
//	E027  [seen 436/30614, 436/31551] encoding-type=url encodes everything but letters,
//	      digits and "-_.~/".
//	E028  [documented 436/10881] A copy without x-cos-storage-class is STANDARD, whatever
//	      the source is, and an ACL is never copied, as the page of PUT Object - Copy says.
//	E029  [documented 436/7753] Reading or copying an object of an archive class is
//	      InvalidObjectState unless it is restored.
//	E030  [assumed] x-cos-forbid-overwrite works on a copy as on a PUT.
//	E031  [own] A full disk or memory limit is ServiceUnavailable; a full queue of writes is
//	      SlowDown.
//	E032  [documented 436/7741 in part] Upload Part and Append Object need a Content-Length:
//	      a chunked body is MissingContentLength.
//	E033  [assumed] A traffic limit in a header takes precedence over one in the query. It
//	      works on Append Object too, and on Initiate it is checked and has no effect.
//	E034  [documented 436/7742] Location in the response to a Complete is http and the host
//	      that was asked.
//	E035  [documented 436/7742] The part numbers of a Complete ascend without a gap,
//	      otherwise it is InvalidPart, as the page of Complete Multipart Upload says; the
//	      first may be any number.
//	E036  [client cos-go-sdk-v5] A <Part> of a Complete may repeat the Size and LastModified
//	      of List Parts, which are ignored; other elements are MalformedXML.
//	E037  [assumed] Appending at another position than 0 to a missing key is
//	      AppendPositionErr with the next position 0.
//	E038  [client cos-go-sdk-v5] x-cos-content-sha1 in the response to an append is the MD5
//	      of what was appended: the Go SDK compares it so.
//	E039  [documented 436/7741 in part] Appending to a tiered class is
//	      NotSupportedStorageClass. The class, the ACL and the headers of a later append
//	      have no effect.
//	E040  [assumed] A response that begins with spaces has no XML declaration.
//	E041  [documented 436/7747] Times in lists of parts and uploads have the form of those
//	      in object lists, though older pages show another one.
//	E042  [documented 436/8287] x-cos-copy-source-range is bytes=first-last; another form is
//	      InvalidArgument, and a last byte past the end of the source is InvalidRange.
//	E043  [documented 436/10881] Copying more than 5 GB with one request is EntityTooLarge.
//	E044  [documented 436/7732] An open upload keeps its bucket from being deleted:
//	      BucketNotEmpty.
//	E045  [client cos-go-sdk-v5] A Complete may repeat x-cos-acl, x-cos-storage-class,
//	      x-cos-meta-* and the traffic limit of Initiate, as the Go SDK does; another value
//	      of one of the first three is InvalidArgument.
//	E046  [documented 436/7741 in part] An appendable object can be copied, and the copy is
//	      a normal one. COS's page says that it cannot, but not with which error.
//	E050  [seen 436/7749, 436/7742, 436/31551] x-cos-version-id is on responses to GET,
//	      HEAD, DELETE and Complete in buckets where versioning was ever set, and null for
//	      the version of that name. While versioning is suspended a PUT, a form, an append
//	      and a copy name no version. An unset bucket has none, and its list of versions an
//	      empty VersionId.
//	E051  [assumed] A delete marker is NoSuchKey with x-cos-delete-marker and the id of the
//	      marker, whether its version was asked for or not. As the source of a copy it is
//	      NoSuchCopySource; of a part copy that names its version, InvalidCopySource.
//	E052  [documented 436/7741 in part] Appending while versioning is enabled is
//	      InvalidBucketState: COS says that appendable objects have no versions, but not
//	      with which error. While it is suspended an append makes or extends the version
//	      null.
//	E053  [assumed] A copy onto itself that names a version needs no metadata directive: it
//	      makes an old version the newest.
//	E054  [assumed] Deleting a missing version is 204; reading it, or an id that no version
//	      can have, is NoSuchVersion. A version-id-marker that no version can have is
//	      InvalidArgument; one of a deleted version keeps its place, except null: then the
//	      list begins with the newest version of that key.
//	E055  [assumed] A Complete whose 200 was sent before its outcome has no
//	      x-cos-version-id.
//	E056  [assumed] PUT of object tags needs a Content-MD5; a set without tags removes them.
//	      A copy that copies the tags of its source ignores x-cos-tagging.
//	E057  [own] A restore takes the time that the server is configured with, whatever its
//	      tier, and its days count from the end of that time. Restoring a restored object is
//	      200 and the days begin anew.
//	E058  [documented 436/40133 in part] Days of a restore and of an object lock are at most
//	      36,500. The tier Expedited for an object of a DEEP_ARCHIVE class is
//	      InvalidArgument.
//	E059  [client cos-js-sdk-v5] x-cos-tagging-count is absent for an object without tags.
//	E060  [documented 436/40133, 436/40136 in part] The rule of an object lock is for
//	      objects written later; it can be changed and omitted, as COS's newer pages say. An
//	      object lock and suspended versioning exclude each other: InvalidBucketState. While
//	      versioning is enabled a write or a delete that adds a version above a locked one
//	      is allowed. A bucket with an object lock that is not empty is BucketLocked.
//	E061  [documented 436/7730 in part] GET of the retention of an object that was never
//	      locked, and PUT in a bucket without object lock, is NoSuchObjectLockConfiguration.
//	      A time that cannot be parsed, is in the past, or shortens the lock is
//	      InvalidLockedTime.
//	E062  [documented 436/40137 in part] The tags of a locked object cannot be changed, its
//	      ACL can. Nothing can be appended to it.
//	E063  [documented 436/7730 in part] A customer key that is missing, wrong, malformed or
//	      not needed on a read, a part or a copy source is SsecDecryptHeaderInvalid; a
//	      malformed one on a write is InvalidArgument. Plain HTTP is allowed with it.
//	E064  [seen 436/7749, 436/7745, 436/10881, 436/7750] The ETag is the MD5 without
//	      encryption and with SSE-COS. With a key of the client's own it is another one, the
//	      same for the same content and key, and with KMS another one for each write; so are
//	      those of parts. A copy is encrypted as its request says, not as its source, and
//	      its ETag follows from that.
//	E065  [assumed] A symbolic link is an object of the class STANDARD that holds the key of
//	      its target; its own ETag is the MD5 of that key. The target need not exist.
//	E066  [assumed] GET and HEAD of a link return the content and the headers of the newest
//	      version of its target, with x-cos-object-type symlink and the version of the link;
//	      a copy copies the target. A missing target is NoSuchKey, one that is a link is
//	      InvalidArgument, and so is ?symlink of an object that is not a link. An unsigned
//	      request needs access to both.
//	E070  [own] The configuration of a bucket comes back with the elements and texts that
//	      were put, in their order. Attributes, comments and white space between elements
//	      are not stored (but see E123); of a policy, its members Statement and version come
//	      back in this spelling, and all else byte for byte.
//	E071  [documented 436/8279, 436/8280, 436/8281] PUT of cors, lifecycle and tagging needs
//	      a Content-MD5, without which it is InvalidRequest; for other configurations it is
//	      checked when it is there.
//	E072  [documented 436/8279, 436/30617] A configuration has at most 1 MB, for which COS
//	      documents no limit; of cors and website 64 KB. A longer one is XMLSizeLimit, and
//	      no body is MissingRequestBodyError.
//	E073  [assumed] DELETE of a missing configuration is 204.
//	E074  [assumed] GET of a missing referer configuration is 200 without a body, and PUT
//	      without a body removes one.
//	E075  [assumed] GET of an intelligent-tiering configuration by an unknown id is an empty
//	      document, as that of the first generation is.
//	E076  [documented 436/30625] An id of a configuration has at most 128 letters, digits,
//	      "-", "_", "."; the Id in the document must be the same, otherwise it is
//	      InvalidArgument.
//	E077  [documented 436/46869] The id of a one-off inventory job that was posted cannot be
//	      posted again (DuplicateInventoryId); recurring jobs have ids of their own.
//	E078  [client cos-python-sdk-v5] GET of a missing domain certificate is
//	      DomainConfigNotFoundError.
//	E079  [own] A domain certificate that is named by its CertId alone has the validity 0;
//	      its domain need not be one of the bucket's.
//	E080  [client cos-go-sdk-v5] Two enabled lifecycle rules with the same filter and the
//	      same kind of action are InvalidRequest "Conflict lifecycle rule".
//	E081  [documented 436/7730] GET of a missing policy is NoSuchBucketPolicy, though some
//	      SDKs expect NoSuchPolicy.
//	E082  [documented 436/30927] A policy over 20 KB is MalformedPolicy.
//	E083  [documented 436/17054, 436/19223 in part] Log and replication targets: the bucket
//	      that receives logs must exist in the same region; the one that receives replicas
//	      need not exist. Versioning is required when the rules are put, and may be
//	      suspended afterwards.
//	E084  [documented 436/7737 in part] x-cos-acl and x-cos-grant-* on one request add up. A
//	      grant names an account by id=, uin= or uid=, as a number, <root>/<user> or in
//	      full; or everyone by uri=. A resource has at most 100 grants, more are
//	      AttachmentFull. WRITE to an object is InvalidArgument, and so is a group or
//	      account of another form.
//	E085  [assumed] GET of an ACL has the header x-cos-acl when a preset describes all of
//	      it. The owner in an AccessControlPolicy that is put must be that of the server
//	      (E013), otherwise it is AccessDenied; the owner cannot be changed. A document
//	      grants what it says and nothing more.
//	E086  [documented 436/8288 in part] A CORS preflight needs no signature, and one that it
//	      has is ignored: it may be that of the request to come. Without an Origin or a
//	      method, or without a matching rule, it is AccessForbidden. It may be for any query
//	      parameters.
//	E087  [documented 436/8288 in part] A response to a request with an Origin, including an
//	      error, has the CORS headers of the first rule that matches origin and method.
//	      Vary: Origin is on every response of a bucket whose ResponseVary is true, and on
//	      no other.
//	E088  [own] Of a bucket policy the statements for everyone ("*" or
//	      qcs::cam::anyone:anyone) are enforced: actions and resources with "*", allow and
//	      deny, deny first, policy before ACL, with the conditions of E113. Resources may
//	      have the older form prefix//<appid>/<name>/<key>; one that cannot be parsed never
//	      allows and always denies. Statements for named accounts have no effect.
//	E089  [own] A policy that denies something to everyone denies it to signed callers too.
//	      It never denies the configurations of the bucket, or its removal, so that the
//	      owner can always remove the policy. A copy is authorized by its target.
//	E090  [own] A lifecycle action is due to the second: so many times 24 hours after the
//	      object was written, or at the date, and from then on for every object that
//	      matches. Objects move to colder classes only, and what expires is not moved first.
//	      Access frequency is not counted, so such a transition is never due.
//	E091  [documented 436/30617 in part] On the website host RedirectAllRequestsTo https is
//	      301 and a rule is 302, as is a folder without its slash. AutoAddressing finds
//	      page.html as page. An error document comes with the status of the error unless
//	      OriginalHttpStatus is Disabled; without one the error is the XML of the API.
//	E092  [assumed] A version stops being the newest when the next newer one that still
//	      exists was written. Actions on versions apply to delete markers too, which have no
//	      size, tags or class. Links keep their class.
//	E093  [documented 436/7730 in part] PUT of lifecycle and replication in a bucket with an
//	      object lock is BucketLocked, though 436/40136 speaks of lifecycle rules beside a
//	      lock. A rule from before the lock continues: it leaves locked versions as they
//	      are. A delete marker that expires an object is put above a locked version while
//	      versioning is enabled.
//	E100  [assumed] The fields before the file of a form have at most 64 KiB, names and
//	      values together, otherwise it is MaxPostPreDataLengthExceededError.
//	E101  [assumed] Names of form fields and of conditions are matched without case. A name
//	      that comes twice before the file is MalformedPOSTRequest.
//	E102  [documented 436/14690] A field behind the file is MalformedPOSTRequest; a second
//	      file, or none, is IncorrectNumberOfFilesInPostRequest.
//	E103  [documented 436/14690 in part] The signature of a form is checked before its
//	      policy is parsed, then the policy's expiration, the signed time as in E011, and
//	      the conditions. A policy without a condition on q-sign-algorithm, q-ak or
//	      q-sign-time, or with anything that is not understood, is InvalidPolicyDocument.
//	E104  [assumed] A form accepts as a field of that name whatever a PUT accepts as a
//	      header, but the preset of its ACL as acl; headers of its request that would change
//	      the operation are NotImplemented. Fields that name neither a header of COS nor a
//	      content header are ignored; a condition can name them.
//	E105  [assumed] success_action_status of another value, and a success_action_redirect
//	      that is not a URL of http or https, are InvalidArgument.
//	E106  [documented 436/14690] ${filename} is the last component of the file's name, after
//	      slash or backslash.
//	E107  [seen 436/14690] The response to a form upload has no x-cos-hash-crc64ecma: the
//	      samples are of 2019, when a HEAD had none either. Location is http and the host
//	      that was asked. With status 201 it has an XML document.
//	E108  [assumed] A form without policy and signature needs what a PUT signed like its
//	      request needs: nothing more with an Authorization header, otherwise a public
//	      bucket. One that lacks only some of the five signature fields is AccessDenied.
//	E109  [assumed] A POST to a bucket that is not multipart/form-data is
//	      RequestIsNotMultiPartContent; one without a key is UserKeyMustBeSpecified.
//	E111  [documented 436/7730 in part] A temporary secret id without its token, or with one
//	      that is forged or belongs to another id, is InvalidAccessKeyId; one whose time has
//	      ended is ExpiredToken. Credentials of GetFederationToken end with the keys that
//	      asked for them.
//	E112  [documented 436/30580] What temporary credentials may do is what the policy of
//	      their session allows and does not deny, whatever ACLs and bucket policies allow
//	      besides. Without a policy they are the owner. The actions are those of CAM's
//	      documentation; where it has none, an action is named like its operation. The
//	      resource of a list is the bucket and its prefix, that of other requests to a
//	      bucket has an empty key. A copy also needs GetObject of its source, under the
//	      version that it names, and each key of a DeleteMultipleObjects that action.
//	E113  [documented 436/71307] A condition has one of CAM's operators, with _if_exist or
//	      without. Its key is qcs:ip, cos:secure-transport, cos:host, cos:content-length, or
//	      "cos:" with the name of a parameter of a list, of versionid and response-*, or of
//	      a content-type, pic-operations or x-cos-* header but metadata; acl of a form is
//	      cos:x-cos-acl. Values of parameters are compared as they are escaped in a URL.
//	      Several conditions must all be met. Anything else cannot be evaluated: it never
//	      allows and always denies. So does a header or parameter that is repeated.
//	E114  [own] Each role of AssumeRole exists, trusts every caller and may do everything. A
//	      caller with a session policy needs sts:AssumeRole in it.
//	E115  [own] STS is under sts.tencentcloudapi.com, sts.<region>.tencentcloudapi.com and
//	      sts.<suffix>. It takes POST with JSON. A Name has at most 128 letters and hyphens.
//	      Keys are those of a sub-account: GetFederationToken lasts up to 36 hours.
//	E116  [assumed] A session policy has at most 6144 bytes, once it is decoded. Its token
//	      may be longer than the 4096 bytes that STS documents.
//	E117  [documented 436/53889] GET of a missing strict-signature configuration is an empty
//	      document. A rule without actions is for all. Names are compared without case. A
//	      header that COS does not list, and an action that cannot have a rule, are
//	      InvalidArgument. With all, every parameter must be signed but those that carry the
//	      signature: x-cos-security-token, too.
//	E118  [own] A form with a field that no condition of its policy names is AccessDenied,
//	      apart from the policy, its signature and the token. Here the server is stricter
//	      than COS is known to be: two samples on COS's page of POST Object have the fields
//	      key, Cache-Control and Content-MD5 without a condition, and were accepted. So what
//	      limits a form on COS is the policy of the session that signs it.
//	E122  [own] The message of MalformedXML begins with the only one that COS has and goes
//	      on with the element at fault, where it is, and what it can be.
//	E123  [own] With the option KeepUnknownElements the configurations of buckets,
//	      versioning, object lock and ACL included, keep elements and attributes that are
//	      not known here. A domain certificate comes back as another document than was put.
//	E124  [client cos-go-sdk-v5, client cos-nodejs-sdk-v5, client cos-python-sdk-v5] What
//	      official clients put in other spellings than the documented ones is taken, and
//	      comes back as it was put: true, false and storage classes in any case, STANDARD as
//	      the class of a transition, NewHttpHeader for NewHttpHeaders,
//	      ForbidFollowHttpHeaders for ForbidFollowHeaders, several HttpRedirectCode, the
//	      destination of a replica as qcs:id/0:cos:<region>:appid/<appid>:<name>.
//	      ApplySideEncryptionConfiguration comes back as ApplyServerSideEncryptionByDefault.
//	E125  [documented 436/30616] Charity404 and URLRedirect of a website are stored and have
//	      no effect: a rule always redirects. URLRedirect comes back if it was put, as in
//	      the sample of the page; cos-python-sdk-v5 expects Enabled where it was not.
//	E130  [documented 436/7738 in part] A Create Bucket may have a body: BucketAZConfig MAZ,
//	      BucketArchConfig OFS, or nothing. Head Bucket then has x-cos-bucket-az-type and
//	      x-cos-bucket-arch, and GET Service the type ofs. Such a bucket works as any other.
//	      BucketStorageClass is NotImplemented.
//	E131  [documented 436/8291] GET Service filters by region, by one tag (tagkey, and
//	      tagvalue unless it is empty) and by the time of creation (create-time in seconds,
//	      with range lt, lte, gt or gte). A max-keys over 2,000 is 2,000.
//	E132  [own] The default bucket is that of hosts that name nothing: an address, a name of
//	      one label, or a suffix of the server. Other hosts are InvalidRequest.
//	E133  [own] A host is a custom domain when an enabled rule of a bucket's domain
//	      configuration names it: of the website with type WEBSITE, of the bucket otherwise.
//	      No record of DNS is read, so that nothing proves the domain; of several buckets
//	      with the same domain it is that of the first by name.
//	E134  [documented 436/7730] A bucket in the path is PathStyleDomainForbidden.
//	E135  [seen 436/7753, 436/7745, 436/8288] A request id is base64 of
//	      <time>_<host>_<process>_<number> in hex, and a trace id base64 of 128 hex digits,
//	      172 characters. An error has the trace id in its body; one without a body has it
//	      in x-cos-trace-id, and OPTIONS in both. A 304 to a GET has none, nor has the 303
//	      of a form.
//	E136  [documented 436/10199] AccessDenied for a request that is not signed, or not
//	      validly, has ServerTime behind Message; without any signature it has no trace id.
//	      So has RequestTimeTooSkewed ServerTime. Its form, RFC 3339, is assumed: clients
//	      parse it as any date.
//	E137  [seen 436/7753, 436/8288] The body of an error has each element on a line of its
//	      own, behind a tab, in the order Code, Message, others, Resource, RequestId,
//	      TraceId, and no line break at its end.
//	E138  [own] A request that is signed in another way is told so by name: with AWS
//	      Signature Version 2 or 4, which COS accepts, it is NotImplemented, with any other
//	      scheme AccessDenied.
//	E140  [documented 436/35665, 436/35664, 436/31509] The key of a tag has 1 to 127
//	      characters and its value 1 to 255, of a bucket's tag also none: letters and digits
//	      of any script, spaces and +-=._:/@.
//	E141  [documented 436/13361 in part] The name of an entry of user metadata has letters,
//	      digits and hyphens only; another is InvalidArgument. The page does not say with
//	      which error.
//	E142  [own] x-cos-website-redirect-location is stored and returned. The website host
//	      does not redirect by it.
//	E144  [client cos-nodejs-sdk-v5] A request to a path that simplifies to "/", escaped or
//	      not, is one to the bucket. Any other path is a key as it is, once it is decoded.
//	E150  [seen 436/7742] The ETag of a completed object is not made of the ETags of its
//	      parts alone: the same parts have another one in another upload.
//	E151  [seen 436/7753, 436/7745] x-cos-object-type is absent for a normal object, and
//	      Accept-Ranges on HEAD.
//	E152  [seen 436/7753, 436/7745] A 304 to GET has the ETag and the CRC64 and no
//	      Last-Modified; one to HEAD is like an error, and has only the ids.
//	E154  [seen 436/10881] The response to a copy names the new version in its body, and the
//	      version of the source, in a header, if the request named one.
//	E155  [documented 436/7744, 436/7748, 436/35709, 436/35710, 436/35711] Responses about
//	      the ACL, the tags and the retention of an object do not name its version.
//	E156  [seen 436/7749, 436/7729] Responses about an object with KMS have the id of the
//	      key, which is one of the server when the request named none, and no context.
//	E157  [assumed] A raw "+" in a path is a plus sign, though one public report says that
//	      COS reads a space there; official clients send %2B.
//	E158  [seen 436/7745, 436/30614] While an object is being restored, HEAD and GET have
//	      x-cos-restore-status with the tier and the time of the request; a list says
//	      ONGOING, and DONE while the restored copy lasts.
//	E159  [seen 436/7740, 436/7741, 436/35709, 436/58038] Some empty responses have the type
//	      application/xml: to an append, an abort, and a change of tags or of a retention.
//	      Other empty ones have no type.
//	E160  [seen 436/30614, 436/31551, 436/7747, 436/8289, 436/7746, 436/7744, 436/8291] An
//	      XML declaration is in front of lists of objects, copies of objects, completions,
//	      errors, versioning, CORS and origins. Other responses have none.
//	E161  [seen 436/7747, 436/7736] Lists of parts and uploads call the class STANDARD
//	      "Standard"; how they call others is not known.
//	E170  [client cos-js-sdk-v5, cos-nodejs-sdk-v5] A query parameter, or a header or form
//	      field that begins with x-cos- or x-ci-, is ignored when COS is not known to have
//	      it: neither its documentation nor an official client does. A signature that covers
//	      it is checked all the same.
//	E171  [own] What COS has and this server has not is NotImplemented. So is a header or a
//	      sub-resource on an operation that COS has it not for, and a sub-resource of S3,
//	      for COS may take the request for another one. Parameters of lists and of
//	      configurations, such as prefix and id, are ignored on other operations.
//	E172  [client cos-js-sdk-v5, cos-nodejs-sdk-v5] Without a Content-Type, what is written
//	      gets that of the key's suffix, in upper or lower case: application/zip for 1.zip,
//	      text/plain for 1.txt; application/octet-stream for a suffix that is unknown. COS
//	      publishes no list of suffixes. The type that a browser sends with a file of a form
//	      is not used. A copy keeps the type of its source unless it replaces headers.
//	E173  [documented 436/7744] With a grant in a header an ACL has no grant to its owner,
//	      only those of the preset and the named ones: x-cos-acl: private with
//	      x-cos-grant-read leaves the READ. The sample is read after the one of 436/7748 has
//	      set it.
//	E174  [documented 436/8288] A preflight that is allowed has all headers that the rule
//	      names in Access-Control-Allow-Headers, in lower case, and for a wildcard those
//	      that were asked for; and Access-Control-Allow-Credentials: true unless the rule is
//	      for the origin "*".
//	E175  [assumed] The responses that follow have Access-Control-Allow-Credentials, too,
//	      but neither Access-Control-Allow-Headers nor Access-Control-Max-Age.
//	E176  [own] A fixed temporary pair (Options.Temporary) is like credentials of STS
//	      without a policy. One that has ended is ExpiredToken, one without its token or
//	      with another is InvalidAccessKeyId, as in E111.
package embedded

// Package embedded is a COS-compatible HTTP server with a crash-safe store, for
// development, for tests, and for running without a cloud account.
//
// It speaks the XML API of COS over an in-memory connection, over TCP and as an
// HTTP proxy target. It is strict: signatures are checked, and what it does not
// implement answers 501 NotImplemented and names it; nothing is accepted and
// then ignored. Where buckets and objects are kept is the business of package
// store.
//
// # Assumptions
//
// Where the public documentation of COS is silent or says two things, the
// server has to choose. The choices are numbered, cited in the code, and held
// by tests; none of them was compared with the real COS.
//
//	E001  Messages of errors are not a contract; codes and statuses are.
//	E002  A key that XML 1.0 cannot hold is listed with numeric references,
//	      unless encoding-type=url is asked for.
//	E003  An error answer to a HEAD has Content-Type application/xml and length 0.
//	E004  A bucket's name has at most 50 characters before "-<appid>", and the
//	      whole is one host label; longer ones are BucketNameTooLong.
//	E005  A key over 850 bytes is KeyTooLong; one that is not UTF-8 or holds CAN,
//	      EM, SUB or ESC is InvalidObjectName.
//	E006  A bucket asked for in another region is NoSuchBucket; there is no redirect.
//	E007  An Authorization header outranks the parameter sign, and that one the
//	      seven q- parameters; what is outranked is an ordinary parameter.
//	E008  A repeated name in q-header-list or q-url-param-list means what one
//	      mention does: all values, sorted.
//	E009  A malformed signature is AccessDenied.
//	E010  A security token that is not known is InvalidAccessKeyId.
//	E011  A window that has ended, or that begins up to 15 minutes from now, is
//	      AccessDenied "Request has expired"; one that begins later, or a Date
//	      header more than 15 minutes off, is RequestTimeTooSkewed.
//	E012  GET Service gives at most 2,000 buckets, ordered by name; its marker is
//	      a bucket's name and exclusive; its region parameter narrows the answer.
//	E013  The owner of the service is an example account; the owner of an object
//	      is the appid of its bucket.
//	E014  max-keys, max-parts or max-uploads outside its bounds is InvalidArgument,
//	      not cut to the bound.
//	E015  Objects in an intelligent tiering class stay in the tier FREQUENT.
//	E016  User metadata counts names without x-cos-meta- plus values.
//	E017  x-cos-storage-class is absent for STANDARD; a list always names the class.
//	E018  response-* parameters on an unsigned request are InvalidRequest.
//	E019  A Range that is no byte range is ignored; first-, -suffix and If-Range
//	      work as in HTTP; several ranges are NotImplemented.
//	E020  Several conditions on one request have the precedence HTTP gives them.
//	E021  An entity tag may stand in a condition without its quotes.
//	E022  "+" in the key of x-cos-copy-source is a plus sign.
//	E023  A copy whose source bucket or key is missing is NoSuchCopySource.
//	E024  A prefix, delimiter or marker over 1,024 bytes is InvalidURI; a delimiter
//	      of more than one character is InvalidDelimiter.
//	E025  max-keys=0, max-parts=0 or max-uploads=0 gives an empty page that is not
//	      truncated.
//	E026  A list leaves out EncodingType and Delimiter when they were not asked
//	      for, and NextMarker when nothing follows.
//	E027  encoding-type=url encodes all but letters, digits and "-_.~", "/" included.
//	E028  A copy without x-cos-storage-class is STANDARD, whatever the source is, and
//	      an ACL is never copied: so the page of PUT Object - Copy says.
//	E029  Reading or copying an object of an archive class is InvalidObjectState:
//	      there is no restore.
//	E030  x-cos-forbid-overwrite works on a copy as on a PUT.
//	E031  A full disk or memory cap is ServiceUnavailable; a full queue of writes
//	      is SlowDown.
//	E032  Upload Part and Append Object need a Content-Length: a chunked body is
//	      MissingContentLength.
//	E033  Of a traffic limit in a header and one in the query the header counts. It
//	      works on Append Object too, and on Initiate it is checked and has no effect.
//	E034  Location in the answer to a Complete is http and the host that was asked.
//	E035  The part numbers of a Complete ascend without a gap, else it is InvalidPart,
//	      as the page of Complete Multipart Upload says; the first may be any.
//	E036  A <Part> of a Complete may repeat the Size and LastModified of List Parts,
//	      which are not looked at; other elements are MalformedXML.
//	E037  Appending at another position than 0 to a key that is absent is
//	      AppendPositionErr with the next position 0.
//	E038  x-cos-content-sha1 in the answer to an append is the MD5 of what was
//	      appended: the Go SDK compares it so.
//	E039  Appending to a tiered class is NotSupportedStorageClass. The class, the ACL
//	      and the headers of a later append have no effect.
//	E040  An answer that was begun with spaces has no XML declaration.
//	E041  Times in lists of parts and uploads are those of object lists, though older
//	      pages show another form.
//	E042  x-cos-copy-source-range is bytes=first-last; another form is InvalidArgument,
//	      and a last byte behind the end of the source is InvalidRange.
//	E043  Copying more than 5 GB with one request is EntityTooLarge.
//	E044  An upload that is open keeps its bucket from being deleted: BucketNotEmpty.
//	E045  A Complete may repeat x-cos-acl, x-cos-storage-class, x-cos-meta-* and the
//	      traffic limit of Initiate, as the Go SDK does; another value of one of the
//	      first three is InvalidArgument.
//	E046  An appendable object can be copied, and the copy is a normal one. COS's page
//	      says that it cannot, but not which code refuses.
//	E100  What stands before the file of a form has at most 64 KiB, names and values
//	      together, else it is MaxPostPreDataLengthExceededError.
//	E101  Names of form fields and of conditions are matched without case. A name that
//	      comes twice before the file is MalformedPOSTRequest.
//	E102  A field behind the file is MalformedPOSTRequest; a second file, or none, is
//	      IncorrectNumberOfFilesInPostRequest.
//	E103  The signature of a form is judged before its policy is read, then the policy's
//	      expiration, the signed time as in E011, and the conditions. A policy without
//	      a condition on q-sign-algorithm, q-ak or q-sign-time, or with anything that
//	      is not understood, is InvalidPolicyDocument.
//	E104  Form fields that name no header of COS, and no content header, are not looked
//	      at, as headers of that kind are; a condition can speak of them.
//	E105  success_action_status of another value, and a success_action_redirect that is
//	      no URL of http or https, are InvalidArgument.
//	E106  ${filename} is the last component of the file's name, after slash or
//	      backslash.
//	E107  The answer to a form upload has x-cos-hash-crc64ecma, and Location is http and
//	      the host that was asked. With status 201 it has an XML document.
//	E108  A form without policy and signature needs what a PUT signed like its request
//	      needs: nothing more with an Authorization header, else a public bucket. One that
//	      lacks only some of the five signature fields is AccessDenied.
//	E109  A POST to a bucket that is no multipart/form-data is
//	      RequestIsNotMultiPartContent; one without a key is UserKeyMustBeSpecified.
package embedded

package backendtest

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func encryptionChecks() []check {
	return []check{
		{"PutObject with COS's encryption says so", "436/7749", encryptedByCOS, []Ability{Encryption}},
		{"GetObject of an object with a customer key needs that key", "A053", customerKeyRead, []Ability{CustomerKeys}},
		{"CopyObject can set another customer key", "A053", customerKeyCopied, []Ability{CustomerKeys}},
		{"UploadPart needs the customer key of its upload", "A053", customerKeyParts, []Ability{CustomerKeys}},
		{"PutObject with a customer key has an ETag of that key", "A010, E064", customerKeyETag, []Ability{CustomerKeys}},
		{"CompleteMultipartUpload takes the ETags of encrypted parts", "A010, E064", customerKeyPartETags, []Ability{CustomerKeys}},
		{"GetObject with an encryption header is refused", "436/7753", encryptionOnRead, []Ability{Encryption}},
	}
}

func keyOf(b byte) cosbackend.CustomerKey { return bytes.Repeat([]byte{b}, 32) }

func withKey(b byte) cosbackend.Settings {
	return cosbackend.Settings{Encryption: cosbackend.Encryption{CustomerKey: keyOf(b)}}
}

func encryptedByCOS(t *testing.T, s scope) {
	put := s.putAs(t, s.key("k"), []byte("text"), cosbackend.PutOptions{Settings: cosbackend.Settings{Encryption: cosbackend.Encryption{COS: true}}})
	if head := s.head(t, s.key("k")); put.Encryption.Algorithm != "AES256" || head.Encryption != put.Encryption {
		t.Errorf("PutObject says %+v of the encryption, HeadObject %+v, want AES256", put.Encryption, head.Encryption)
	}
	s.wantContent(t, s.key("k"), []byte("text"))
}

func customerKeyRead(t *testing.T, s scope) {
	put := s.putAs(t, s.key("k"), []byte("text"), cosbackend.PutOptions{Settings: withKey('a')})
	object, data := s.get(t, s.key("k"), cosbackend.ReadOptions{CustomerKey: keyOf('a')})
	if string(data) != "text" || object.Encryption.CustomerKeyMD5 == "" || object.Encryption != put.Encryption {
		t.Errorf("GetObject = %q with %+v, PutObject said %+v", data, object.Encryption, put.Encryption)
	}
	for _, o := range []cosbackend.ReadOptions{{}, {CustomerKey: keyOf('b')}} {
		_, _, err := s.read(t.Context(), s.key("k"), o)
		wantRefused(t, "GetObject", err, 400, "SsecDecryptHeaderInvalid")
		_, err = s.Client.HeadObject(t.Context(), s.location(), s.key("k"), o)
		wantRefused(t, "HeadObject", err, 400, "")
	}
}

func customerKeyCopied(t *testing.T, s scope) {
	s.putAs(t, s.key("k"), []byte("text"), cosbackend.PutOptions{Settings: withKey('a')})
	source := s.source(s.key("k"))
	_, err := s.Client.CopyObject(t.Context(), s.location(), s.key("copy"), cosbackend.CopyOptions{Source: source, Settings: withKey('b')})
	e := wantCode(t, "CopyObject without the key of the source", err, "SsecDecryptHeaderInvalid")
	if e.HTTPStatus != 400 && !e.InSuccessBody {
		t.Errorf("CopyObject = %d, want 400, or an error inside 200", e.HTTPStatus)
	}
	source.CustomerKey = keyOf('a')
	s.copy(t, s.key("copy"), cosbackend.CopyOptions{Source: source, Settings: withKey('b')})
	if _, data := s.get(t, s.key("copy"), cosbackend.ReadOptions{CustomerKey: keyOf('b')}); string(data) != "text" {
		t.Errorf("GetObject of the copy = %q", data)
	}
}

func customerKeyParts(t *testing.T, s scope) {
	begun, err := s.Client.InitiateMultipartUpload(t.Context(), s.location(), s.key("k"), cosbackend.InitiateOptions{Settings: withKey('a')})
	if err != nil {
		t.Fatalf("InitiateMultipartUpload = %v", err)
	}
	u := cosbackend.Upload{Location: s.location(), Key: s.key("k"), UploadID: begun.UploadID}
	_, err = s.Client.UploadPart(t.Context(), u, 1, body([]byte("text")), cosbackend.PartOptions{})
	wantRefused(t, "UploadPart without the key", err, 400, "SsecDecryptHeaderInvalid")
	part, err := s.Client.UploadPart(t.Context(), u, 1, body([]byte("text")), cosbackend.PartOptions{CustomerKey: keyOf('a')})
	if err != nil {
		t.Fatalf("UploadPart = %v", err)
	}
	_, err = s.Client.CompleteMultipartUpload(t.Context(), u, []cosbackend.CompletedPart{{Number: 1, ETag: part.ETag}}, cosbackend.CompleteOptions{CustomerKey: keyOf('a')})
	if err != nil {
		t.Fatalf("CompleteMultipartUpload = %v", err)
	}
	if _, data := s.get(t, s.key("k"), cosbackend.ReadOptions{CustomerKey: keyOf('a')}); string(data) != "text" {
		t.Errorf("GetObject = %q", data)
	}
}

// The ETag of an encrypted object is not the MD5 of its content: it depends on the key.
func customerKeyETag(t *testing.T, s scope) {
	plain := s.put(t, s.key("plain"), []byte("text"))
	first := s.putAs(t, s.key("k"), []byte("text"), cosbackend.PutOptions{Settings: withKey('a'), ContentMD5: md5Of([]byte("text"))})
	again := s.putAs(t, s.key("k"), []byte("text"), cosbackend.PutOptions{Settings: withKey('a')})
	other := s.putAs(t, s.key("other"), []byte("text"), cosbackend.PutOptions{Settings: withKey('b')})
	if first.ETag == plain.ETag || first.ETag != again.ETag || first.ETag == other.ETag || other.ETag == plain.ETag {
		t.Errorf("ETags without a key, with one, with it again and with another = %s, %s, %s, %s", plain.ETag, first.ETag, again.ETag, other.ETag)
	}
	if object, _ := s.get(t, s.key("k"), cosbackend.ReadOptions{CustomerKey: keyOf('a')}); object.ETag != first.ETag || object.CRC64 != plain.CRC64 {
		t.Errorf("GetObject says the ETag is %s and the CRC64 %d, want %s and %d", object.ETag, object.CRC64, first.ETag, plain.CRC64)
	}
	source := s.source(s.key("k"))
	source.CustomerKey = keyOf('a')
	if copied := s.copy(t, s.key("copy"), cosbackend.CopyOptions{Source: source}); copied.ETag != plain.ETag {
		t.Errorf("the ETag of a copy without a key is %s, want %s", copied.ETag, plain.ETag)
	}
}

func customerKeyPartETags(t *testing.T, s scope) {
	begun, err := s.Client.InitiateMultipartUpload(t.Context(), s.location(), s.key("k"), cosbackend.InitiateOptions{Settings: withKey('a')})
	if err != nil {
		t.Fatalf("InitiateMultipartUpload = %v", err)
	}
	u := cosbackend.Upload{Location: s.location(), Key: s.key("k"), UploadID: begun.UploadID}
	o := cosbackend.PartOptions{CustomerKey: keyOf('a'), ContentMD5: md5Of([]byte("text"))}
	part, err := s.Client.UploadPart(t.Context(), u, 1, body([]byte("text")), o)
	if err != nil || part.ETag == hex.EncodeToString(md5Of([]byte("text"))) {
		t.Fatalf("UploadPart = %+v, %v, want an ETag that is not the MD5", part, err)
	}
	done, err := s.Client.CompleteMultipartUpload(t.Context(), u, []cosbackend.CompletedPart{{Number: 1, ETag: part.ETag}}, cosbackend.CompleteOptions{CustomerKey: keyOf('a')})
	if err != nil || !done.HasCRC64 || done.CRC64 != crcOf([]byte("text")) {
		t.Fatalf("CompleteMultipartUpload = %+v, %v", done, err)
	}
	if object, data := s.get(t, s.key("k"), cosbackend.ReadOptions{CustomerKey: keyOf('a')}); string(data) != "text" || object.ETag != done.ETag {
		t.Errorf("GetObject = %q with the ETag %s, want %s", data, object.ETag, done.ETag)
	}
}

// An object without a customer key takes none.
func encryptionOnRead(t *testing.T, s scope) {
	s.put(t, s.key("k"), []byte("text"))
	_, _, err := s.read(t.Context(), s.key("k"), cosbackend.ReadOptions{CustomerKey: keyOf('a')})
	wantRefused(t, "GetObject", err, 400, "SsecDecryptHeaderInvalid", "SSEHeaderNotAllowed", "InvalidRequest", "InvalidArgument")
}

// wantCode checks that COS refused with the code, whatever the status.
func wantCode(t *testing.T, op string, err error, code string) cosbackend.Error {
	t.Helper()
	e, ok := err.(*cosbackend.Error) //nolint:errorlint // it is returned as it is
	if !ok || e.Code != code {
		t.Fatalf("%s = %v, want %s", op, err, code)
	}
	return *e
}

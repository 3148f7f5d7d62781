package embedded

import (
	"bytes"
	"cmp"
	"crypto/md5" //nolint:gosec // the check of a customer's key is MD5
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	headerEncryption = "X-Cos-Server-Side-Encryption"
	headerKMSKeyID   = "X-Cos-Server-Side-Encryption-Cos-Kms-Key-Id"
	headerKMSContext = "X-Cos-Server-Side-Encryption-Context"
	// prefixCustomer is the prefix of the headers of a customer key, prefixSource of
	// those of the key of a copy source.
	prefixCustomer = "X-Cos-Server-Side-Encryption-Customer-"
	prefixSource   = "X-Cos-Copy-Source-Server-Side-Encryption-Customer-"

	algorithmAES = "AES256"
	algorithmKMS = "cos/kms"

	// defaultKMSKey is the key of an account that names none.
	defaultKMSKey = "00000000-0000-4000-8000-000000000000"

	customerKeySize = 32
	saltSize        = 16
)

// encryptionHeaders are the headers of a write that makes an object.
func encryptionHeaders() []string {
	return append(customerHeaders(prefixCustomer), strings.ToLower(headerEncryption), strings.ToLower(headerKMSKeyID), strings.ToLower(headerKMSContext))
}

// customerHeaders are those of a customer key, in lower case.
func customerHeaders(prefix string) []string {
	lower := strings.ToLower(prefix)
	return []string{lower + "algorithm", lower + "key", lower + "key-md5"}
}

// encryption reads how an object is to be encrypted. Of a customer key it returns only
// a fingerprint that a later key can be compared with.
func (x *exchange) encryption() (store.Encryption, error) {
	e := store.Encryption{Algorithm: x.header(headerEncryption), KMSKeyID: x.header(headerKMSKeyID), KMSContext: x.header(headerKMSContext)}
	key, given, err := x.customerKey(prefixCustomer, invalidArgument)
	if err != nil {
		return e, err
	}
	switch {
	case given && e != (store.Encryption{}):
		return e, fail(invalidArgument, "A key of the client's own and another encryption exclude each other.")
	case given:
		sum := x.header(prefixCustomer + "Key-Md5")
		return store.Encryption{Algorithm: algorithmAES, CustomerKey: newFingerprint(key), CustomerKeyMD5: sum}, nil
	case e.Algorithm != "" && e.Algorithm != algorithmAES && e.Algorithm != algorithmKMS:
		return e, fail(sseContentNotSupported, "x-cos-server-side-encryption must be AES256 or cos/kms.")
	case e.Algorithm != algorithmKMS && e.KMSKeyID+e.KMSContext != "":
		return e, fail(invalidArgument, "The KMS headers need x-cos-server-side-encryption: cos/kms.")
	case e.KMSContext != "":
		if _, err := base64.StdEncoding.DecodeString(e.KMSContext); err != nil {
			return e, fail(invalidArgument, "x-cos-server-side-encryption-context is not base64.")
		}
	}
	if e.Algorithm == algorithmKMS {
		e.KMSKeyID = cmp.Or(e.KMSKeyID, defaultKMSKey)
	}
	return e, nil
}

// customerKey reads a customer key; an invalid one is an error of the row given. No
// part of the key is in the error.
func (x *exchange) customerKey(prefix string, wrong failure) (key []byte, given bool, err error) {
	algorithm, text, sum := x.header(prefix+"Algorithm"), x.header(prefix+"Key"), x.header(prefix+"Key-Md5")
	if algorithm == "" && text == "" && sum == "" {
		return nil, false, nil
	}
	if algorithm != algorithmAES {
		return nil, true, fail(wrong, "The algorithm of a client's own key must be AES256.")
	}
	key, err = base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != customerKeySize {
		return nil, true, fail(wrong, "A client's own key must be 32 bytes in base64.")
	}
	want, err := base64.StdEncoding.DecodeString(sum)
	if have := md5.Sum(key); err != nil || !bytes.Equal(have[:], want) { //nolint:gosec // as COS checks it
		return nil, true, fail(wrong, "The MD5 of a client's own key does not match the key.")
	}
	return key, true, nil
}

// checkCustomerKey requires the key that an object or upload was made with, and no key
// for one that was made without (E063).
func (x *exchange) checkCustomerKey(prefix string, e store.Encryption) error {
	key, given, err := x.customerKey(prefix, ssecDecryptHeaderInvalid)
	switch {
	case err != nil:
		return err
	case given && e.CustomerKey == "":
		return fail(ssecDecryptHeaderInvalid, "The object is not encrypted with a client's own key.")
	case !given && e.CustomerKey != "":
		return fail(ssecDecryptHeaderInvalid, "The object is encrypted with a client's own key, which must be sent.")
	case given && !matchesFingerprint(e.CustomerKey, key):
		return fail(ssecDecryptHeaderInvalid, "The object is encrypted with another key.")
	default:
		return nil
	}
}

// checkDecryption checks whether a read may have the plain bytes of an object: as in
// COS, an unsigned request may not when the key is not COS's own.
func (x *exchange) checkDecryption(o store.Object) error {
	if !x.signed && (o.Encryption.CustomerKey != "" || o.Encryption.Algorithm == algorithmKMS) {
		return fail(accessDenied, "")
	}
	return x.checkCustomerKey(prefixCustomer, o.Encryption)
}

// newFingerprint is a salted hash of a key: it shows whether another key is the same,
// and nothing else.
func newFingerprint(key []byte) string {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	return string(fingerprint(salt, key))
}

func fingerprint(salt, key []byte) []byte {
	sum := sha256.Sum256(append(bytes.Clone(salt), key...))
	return append(bytes.Clone(salt), sum[:]...)
}

func matchesFingerprint(known string, key []byte) bool {
	if len(known) < saltSize {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(known), fingerprint([]byte(known[:saltSize]), key)) == 1
}

// etagKey is what the ETag of content depends on besides the content (E064): a key of
// the client's own, which the request has and which was checked, or chance where KMS
// makes a new data key each time. nil means that the ETag is the MD5.
func (x *exchange) etagKey(e store.Encryption) []byte {
	switch {
	case e.CustomerKey != "":
		key, _ := base64.StdEncoding.DecodeString(x.header(prefixCustomer + "Key"))
		return key
	case e.Algorithm == algorithmKMS:
		key := make([]byte, customerKeySize)
		_, _ = rand.Read(key) // never fails
		return key
	default:
		return nil
	}
}

// describeEncryption sets the headers that describe how an object is encrypted.
func describeEncryption(h http.Header, e store.Encryption) {
	described := map[string]string{headerEncryption: e.Algorithm, headerKMSKeyID: e.KMSKeyID}
	if e.CustomerKey != "" {
		described = map[string]string{prefixCustomer + "Algorithm": e.Algorithm, prefixCustomer + "Key-Md5": e.CustomerKeyMD5}
	}
	for name, value := range described {
		if value != "" {
			h.Set(name, value)
		}
	}
}

// withoutCustomerKeys removes customer keys from the text of a signature: the
// response that shows the text must not repeat them.
func withoutCustomerKeys(format string) string {
	lines := strings.Split(format, "\n")
	for i, line := range lines {
		pairs := strings.Split(line, "&")
		for j, pair := range pairs {
			name, _, _ := strings.Cut(pair, "=")
			if strings.HasSuffix(name, "-customer-key") {
				pairs[j] = name + "=(hidden)"
			}
		}
		lines[i] = strings.Join(pairs, "&")
	}
	return strings.Join(lines, "\n")
}

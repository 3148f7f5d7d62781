package cosbackend

import (
	"cmp"
	"crypto/md5" //nolint:gosec // COS asks for the MD5 of the key.
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// customerKeySize is the size of a key of AES256.
const customerKeySize = 32

// A CustomerKey is a key of the caller's own (SSE-C), 32 bytes; none when it is
// empty. Printing it shows only that there is one.
type CustomerKey []byte

// Format prints no key, whatever the verb.
func (k CustomerKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// String returns no key.
func (k CustomerKey) String() string {
	if len(k) == 0 {
		return "[none]"
	}
	return redacted
}

// MarshalText writes no key, which is what JSON and slog call.
func (k CustomerKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Encryption says how COS encrypts what is written. At most one of the three is set;
// without any it is as the bucket is configured.
type Encryption struct {
	// COS encrypts with a key that COS manages (SSE-COS).
	COS bool
	// KMS encrypts with a key of the key management service (SSE-KMS).
	KMS *KMSKey
	// CustomerKey encrypts with the caller's key (SSE-C). COS keeps no copy of it:
	// every read, part and copy needs it again (A053).
	CustomerKey CustomerKey
}

// A KMSKey is a key of the key management service.
type KMSKey struct {
	// ID is "" for the account's default key.
	ID string
	// Context is bound to the key. It may be empty.
	Context map[string]string
}

// EncryptionInfo says how an object is encrypted; zero when it is not.
type EncryptionInfo struct {
	Algorithm      string // "AES256" or "cos/kms"
	KMSKeyID       string
	CustomerKeyMD5 string // in base64, as COS sends it
}

const (
	encryptionHeader       = "x-cos-server-side-encryption"
	customerHeaders        = encryptionHeader + "-customer-"
	sourceCustomerHeaders  = "x-cos-copy-source-server-side-encryption-customer-"
	maxEncryptionContext   = 2 << 10
	encryptionField        = "attributes.encryption"
	customerKeyField       = "customer_key"
	sourceCustomerKeyField = "source.customer_key"
)

func (e Encryption) check() error {
	given := 0
	for _, is := range []bool{e.COS, e.KMS != nil, len(e.CustomerKey) > 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return invalid(encryptionField, "must be one of COS's keys, the key service's, or the caller's")
	}
	if e.KMS != nil {
		return e.KMS.check()
	}
	return e.CustomerKey.check(encryptionField + "." + customerKeyField)
}

func (k *KMSKey) check() error {
	if err := checkHeader(encryptionField+".kms.key_id", k.ID); err != nil {
		return err
	}
	if len(k.ID) > maxHeader {
		return invalid(encryptionField+".kms.key_id", "must be at most 1024 bytes")
	}
	total := 0
	for name, value := range k.Context {
		total += len(name) + len(value)
	}
	if total > maxEncryptionContext {
		return invalid(encryptionField+".kms.context", "must hold at most 2048 bytes, names and values together")
	}
	return nil
}

func (k CustomerKey) check(field string) error {
	if len(k) != 0 && len(k) != customerKeySize {
		return invalid(field, "must have 32 bytes, as a key of AES256")
	}
	return nil
}

// encrypt has COS encrypt what the operation writes.
func (op *operation) encrypt(e Encryption) {
	switch {
	case e.COS:
		op.header = append(op.header, pair{encryptionHeader, "AES256"})
	case e.KMS != nil:
		op.header = append(op.header, pair{encryptionHeader, "cos/kms"})
		if e.KMS.ID != "" {
			op.header = append(op.header, pair{encryptionHeader + "-cos-kms-key-id", e.KMS.ID})
		}
		if len(e.KMS.Context) > 0 {
			context, _ := json.Marshal(e.KMS.Context) // a map of strings can be
			op.header = append(op.header, pair{encryptionHeader + "-context", base64.StdEncoding.EncodeToString(context)})
		}
	default:
		op.customerKey(customerHeaders, e.CustomerKey)
	}
}

// customerKey adds the headers of a key, and keeps it out of errors and logs.
func (op *operation) customerKey(prefix string, k CustomerKey) {
	if len(k) == 0 {
		return
	}
	sum := md5.Sum(k) //nolint:gosec // COS asks for the MD5 of the key.
	op.header = append(
		op.header,
		pair{prefix + "algorithm", "AES256"}, pair{prefix + "key", base64.StdEncoding.EncodeToString(k)},
		pair{prefix + "key-md5", base64.StdEncoding.EncodeToString(sum[:])},
	)
	op.hide(k)
}

// hide keeps a key out of errors and logs.
func (op *operation) hide(k CustomerKey) {
	if len(k) > 0 {
		op.confidential = append(op.confidential, base64.StdEncoding.EncodeToString(k), string(k))
	}
}

func headerEncryption(h http.Header) EncryptionInfo {
	return EncryptionInfo{
		Algorithm: cmp.Or(headerText(h, "X-Cos-Server-Side-Encryption"),
			headerText(h, "X-Cos-Server-Side-Encryption-Customer-Algorithm")),
		KMSKeyID:       headerText(h, "X-Cos-Server-Side-Encryption-Cos-Kms-Key-Id"),
		CustomerKeyMD5: headerText(h, "X-Cos-Server-Side-Encryption-Customer-Key-Md5"),
	}
}

package backendtest

// The abilities that aspects of objects need, beside those of backendtest.go.
const (
	// Versioning is to keep versions of objects.
	Versioning Ability = "versioning"
	// ObjectLocks is to lock objects, which COS allows by request only and cannot
	// be undone.
	ObjectLocks Ability = "object-locks"
	// Tagging is to keep tags with objects.
	Tagging Ability = "tagging"
	// ACLs is to keep an ACL with each object.
	ACLs Ability = "acls"
	// Encryption is to encrypt with COS's keys.
	Encryption Ability = "encryption"
	// CustomerKeys is to encrypt with keys of the caller's, which COS takes over TLS
	// only.
	CustomerKeys Ability = "customer-keys"
	// Symlinks is to have objects that lead to others.
	Symlinks Ability = "symlinks"
	// CORS is to answer preflights.
	CORS Ability = "cors"
	// TrafficLimits is to obey x-cos-traffic-limit.
	TrafficLimits Ability = "traffic-limits"
)

func objectAbilities() []Ability {
	return []Ability{Versioning, ObjectLocks, Tagging, ACLs, Encryption, CustomerKeys, Symlinks, CORS, TrafficLimits}
}

package backendtest

// An Ability is something that an endpoint, or the credentials used, may lack.
// Checks that need it are then skipped, visibly.
type Ability string

// The abilities a target may lack.
const (
	// CreateBuckets is to create and delete buckets. It is lacking unless
	// Target.CanCreateBuckets says otherwise.
	CreateBuckets Ability = "create-buckets"
	// ListBuckets is to list the buckets of the account.
	ListBuckets Ability = "list-buckets"
	// MultiAZ makes buckets that are stored in several availability zones.
	MultiAZ Ability = "multi-az"
	// OtherRegions is to serve more than one region, by {region} in the endpoint.
	OtherRegions Ability = "other-regions"
	// StorageClasses is to have STANDARD_IA and INTELLIGENT_TIERING.
	StorageClasses Ability = "storage-classes"
	// Archive is to have ARCHIVE, of which COS bills a minimum time.
	Archive Ability = "archive"
	// ForbidOverwrite is to obey x-cos-forbid-overwrite.
	ForbidOverwrite Ability = "forbid-overwrite"
	// OpenRanges is to serve ranges without a last or without a first byte, which
	// COS does not document.
	OpenRanges Ability = "open-ranges"
	// Signatures is to refuse wrong signatures. It needs Target.SecretID.
	Signatures Ability = "signatures"
	// Appends is to append to objects, which COS does not do in a bucket that is
	// stored in several zones.
	Appends Ability = "appends"
	// CustomDomains is to bind domains without proof of ownership.
	CustomDomains Ability = "custom-domains"
	// Replication is to accept rules for buckets that do not exist.
	Replication Ability = "replication"
	// Presigned is to accept requests that are signed in their query or as a form. It
	// needs Target.HTTP.
	Presigned Ability = "presigned"
	// TemporaryCredentials is to have STS, which gives credentials that a policy narrows
	// and that the endpoint enforces. It is lacking unless Target.CanIssueCredentials says
	// otherwise.
	TemporaryCredentials Ability = "temporary-credentials"
)

// abilities is every Ability.
func abilities() []Ability {
	return append(objectAbilities(), []Ability{
		CreateBuckets, ListBuckets, MultiAZ, OtherRegions, StorageClasses, Archive, ForbidOverwrite, OpenRanges, Signatures,
		Appends, CustomDomains, Replication, Presigned, TemporaryCredentials,
	}...)
}

// lack returns why the target lacks a; "" when it has it.
func (tg Target) lack(a Ability) string {
	switch reason, lacks := tg.Lacks[a]; {
	case lacks && reason == "":
		return "no reason given"
	case lacks:
		return reason
	case a == CreateBuckets && !tg.CanCreateBuckets:
		return "the suite was not allowed to create buckets"
	case a == TemporaryCredentials && !tg.CanIssueCredentials:
		return "the suite was not told that there is an STS for its keys"
	case a == Signatures && tg.SecretID == "":
		return "the suite was not given the secret id"
	case a == Presigned && tg.HTTP == nil:
		return "the suite was given no HTTP client"
	}
	return ""
}

// Further abilities, for properties of objects.
// A check is one fact. It names the assumption that it
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
	// CORS is to respond to preflights.
	CORS Ability = "cors"
	// TrafficLimits is to obey x-cos-traffic-limit.
	TrafficLimits Ability = "traffic-limits"
)

func objectAbilities() []Ability {
	return []Ability{Versioning, ObjectLocks, Tagging, ACLs, Encryption, CustomerKeys, Symlinks, CORS, TrafficLimits}
}

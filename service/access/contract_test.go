package access

import (
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// exempt are the fields that look as if they named something, and the reasons why no
// right is needed for them. The RPC's own action covers them unless it says otherwise.
var exempt = map[string]string{
	"Tag.key":          "it is the name of a tag",
	"OriginHeader.key": "it is the name of a header",

	"ListBucketsRequest.tag_key": "it is the name of a tag",

	"CustomCertificate.private_key":               "it is no key of an object",
	"EncryptionConfiguration.kms_master_key_id":   "it is no key of an object",
	"ReplicaEncryption.replica_kms_key_id":        "it is no key of an object",
	"SseKms.key_id":                               "it is no key of an object",
	"CreatePostPolicyRequest.content_type_prefix": "it is part of a header",
	"InventoryDestination.prefix":                 "the bucket beside it is needed as a whole",
	"LoggingTarget.prefix":                        "the bucket beside it is needed as a whole",
	"IntelligentTieringFilter.prefix":             "it chooses objects of the bucket that is configured",
	"IntelligentTieringAnd.prefix":                "it chooses objects of the bucket that is configured",
	"InventoryFilter.prefix":                      "it chooses objects of the bucket that is configured",
	"InventoryAnd.prefix":                         "it chooses objects of the bucket that is configured",
	"LifecycleFilter.prefix":                      "it chooses objects of the bucket that is configured",
	"LifecycleRule.prefix":                        "it chooses objects of the bucket that is configured",
	"LifecycleAnd.prefix":                         "it chooses objects of the bucket that is configured",
	"LifecycleAnd.prefix_not_equals":              "it chooses objects of the bucket that is configured",
	"ReplicationRule.prefix":                      "it chooses objects of the bucket that is configured",
	"ReplicationFilter.prefix":                    "it chooses objects of the bucket that is configured",
	"ReplicationAnd.prefix":                       "it chooses objects of the bucket that is configured",
	"OriginCondition.prefix":                      "it chooses objects of the bucket that is configured",
	"OriginFile.prefix":                           "it is put in front of what is asked of another server",
	"OriginFile.prefix_configuration":             "it is put in front of what is asked of another server",
	"OriginFile.replaced_with_prefix":             "it is put in front of what is asked of another server",
	"OriginCredentials.secret_key":                "it is no key of an object",
	"OriginCredentials.encrypted_secret_key":      "it is no key of an object",
	"WebsiteConfiguration.index_document":         "the website shows objects of the bucket that is configured",
	"ErrorDocument.key":                           "the website shows objects of the bucket that is configured",
	"RoutingCondition.key_prefix_equals":          "the website shows objects of the bucket that is configured",
	"RoutingRedirect.replace_key_with":            "the website shows objects of the bucket that is configured",
	"RoutingRedirect.replace_key_prefix_with":     "the website shows objects of the bucket that is configured",
}

// exemptRights are the fields that set an ACL, tags or a retention, or have others do
// it, for which the RPC's own action is enough.
var exemptRights = map[string]string{
	"PutBucketAclRequest.grants":              "the RPC's own action is the right to set it",
	"PutBucketAclRequest.preset_acl":          "the RPC's own action is the right to set it",
	"PutBucketAclRequest.acl":                 "the RPC's own action is the right to set it",
	"PutObjectAclRequest.grants":              "the RPC's own action is the right to set it",
	"PutObjectAclRequest.preset_acl":          "the RPC's own action is the right to set it",
	"PutObjectAclRequest.acl":                 "the RPC's own action is the right to set it",
	"AccessControlPolicy.grants":              "the RPC's own action is the right to set it",
	"BucketTagging.tags":                      "the RPC's own action is the right to set it",
	"PutObjectTaggingRequest.tags":            "the RPC's own action is the right to set it",
	"PutObjectRetentionRequest.retention":     "the RPC's own action is the right to set it",
	"IssueTemporaryCredentialsRequest.grants": "they are no grants of an ACL, and their actions are needed",
	"InventoryAnd.tags":                       "it chooses objects of the bucket that is configured",
	"InventoryFilter.tags":                    "it chooses objects of the bucket that is configured",
	"IntelligentTieringAnd.tags":              "it chooses objects of the bucket that is configured",
	"IntelligentTieringFilter.tags":           "it chooses objects of the bucket that is configured",
	"LifecycleAnd.tags":                       "it chooses objects of the bucket that is configured",
	"ReplicationAnd.tags":                     "it chooses objects of the bucket that is configured",
}

// naming are the words in the name of a field that names something.
var naming = []string{"bucket", "buckets", "key", "keys", "prefix", "prefixes"}

// rights are the names of fields that set what RPCs of their own set.
var rights = []string{"acl", "preset_acl", "grants", "tags", "retention", "pic_operations"}

// rpcsOf are the RPCs whose requests hold a message, by the message.
func rpcsOf(t *testing.T) map[protoreflect.MessageDescriptor][]string {
	t.Helper()
	holders := make(map[protoreflect.MessageDescriptor][]string)
	for _, rule := range mustLoad(t).All() {
		seen := make(map[protoreflect.MessageDescriptor]bool)
		var walk func(d protoreflect.MessageDescriptor)
		walk = func(d protoreflect.MessageDescriptor) {
			if seen[d] || d.ParentFile().Package() != "cosgate.v1" {
				return
			}
			seen[d] = true
			holders[d] = append(holders[d], rule.RPC)
			for i := range d.Fields().Len() {
				if inner := d.Fields().Get(i).Message(); inner != nil {
					walk(inner)
				}
			}
		}
		walk(rule.input)
	}
	return holders
}

func hasNameRule(f protoreflect.FieldDescriptor) bool {
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	for _, s := range []*validate.StringRules{rules.GetString(), rules.GetRepeated().GetItems().GetString(), rules.GetMap().GetKeys().GetString(), rules.GetMap().GetValues().GetString()} {
		for _, e := range []protoreflect.ExtensionType{cosgatev1.E_IsBucket, cosgatev1.E_IsKey, cosgatev1.E_IsKeyText, cosgatev1.E_IsXmlKey} {
			if is, _ := proto.GetExtension(s, e).(bool); is {
				return true
			}
		}
	}
	return false
}

// No field of a request can name a bucket, a key or a prefix unless its options say so:
// nothing is asked of a policy for a field that has none.
func TestContractMarksEveryFieldThatNamesSomething(t *testing.T) {
	t.Parallel()
	met := make(map[string]bool)
	for d := range rpcsOf(t) {
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if d.IsMapEntry() {
				continue // the rules of names are with the map
			}
			name := string(d.Name()) + "." + string(f.Name())
			words := strings.Split(string(f.Name()), "_")
			looks := f.Kind() == protoreflect.StringKind && slices.ContainsFunc(naming, func(w string) bool { return slices.Contains(words, w) })
			if !looks && !hasNameRule(f) {
				continue
			}
			met[name] = true
			marked := RoleOf(f) != cosgatev1.Role_ROLE_UNSPECIFIED
			if _, ok := exempt[name]; ok == marked {
				t.Errorf("%s: marked %t, exempt %t; give it the option role of options.proto, or a reason in exempt", name, marked, ok)
			}
		}
	}
	for name := range exempt {
		if !met[name] {
			t.Errorf("%s is exempt, and is not there or names nothing", name)
		}
	}
}

// What an RPC of its own sets, such as an ACL, needs the right to use that RPC wherever
// it is set.
func TestContractMarksEveryFieldThatNeedsAFurtherRight(t *testing.T) {
	t.Parallel()
	met := make(map[string]bool)
	for d, rpcs := range rpcsOf(t) {
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if !slices.Contains(rights, string(f.Name())) {
				continue
			}
			name := string(d.Name()) + "." + string(f.Name())
			met[name] = true
			if _, ok := exemptRights[name]; ok == (NeedsOf(f) != nil) {
				t.Errorf("%s of %v: marked %t, exempt %t; give it the option needs of options.proto, or a reason in exemptRights", name, rpcs, NeedsOf(f) != nil, ok)
			}
		}
	}
	for name := range exemptRights {
		if !met[name] {
			t.Errorf("%s is exempt, and is not there", name)
		}
	}
}

// Options are for requests: those of a response or of another message do nothing.
func TestContractMarksNothingThatIsNotInARequest(t *testing.T) {
	t.Parallel()
	holders := rpcsOf(t)
	protoregistry.GlobalFiles.RangeFilesByPackage("cosgate.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Messages().Len() {
			d := file.Messages().Get(i)
			for j := range d.Fields().Len() {
				f := d.Fields().Get(j)
				if (RoleOf(f) != 0 || NeedsOf(f) != nil) && holders[d] == nil {
					t.Errorf("%s has options, and %s is in no request", f.FullName(), d.Name())
				}
			}
		}
		return true
	})
}

func TestContractRPCsStateTheirActions(t *testing.T) {
	t.Parallel()
	for _, rule := range mustLoad(t).All() {
		name := rule.RPC[strings.LastIndexByte(rule.RPC, '/')+1:]
		switch {
		case rule.Action == name, rule.Action+"s" == name && rule.subject.items != nil:
		case name == "GetBucketConfig" && rule.Action == "":
		default:
			t.Errorf("%s has action %q", rule.RPC, rule.Action)
		}
	}
}

// contract is a file with one RPC, Try, whose request has these fields. change may do
// anything to it.
func contract(t *testing.T, access *cosgatev1.Access, change func(request *descriptorpb.DescriptorProto)) protoreflect.FileDescriptor {
	t.Helper()
	request := &descriptorpb.DescriptorProto{Name: new("TryRequest")}
	for i, role := range []cosgatev1.Role{cosgatev1.Role_ROLE_PROFILE, cosgatev1.Role_ROLE_BUCKET, cosgatev1.Role_ROLE_KEY} {
		request.Field = append(request.Field, field(int32(i+1), role, nil))
	}
	options := &descriptorpb.MethodOptions{}
	if access != nil {
		proto.SetExtension(options, cosgatev1.E_Access, access)
	}
	change(request)
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("try.proto"), Package: new("try.v1"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{request},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("TryService"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: new("Try"), InputType: new(".try.v1.TryRequest"), OutputType: new(".try.v1.TryRequest"), Options: options,
		}}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func field(number int32, role cosgatev1.Role, needs *cosgatev1.Needs) *descriptorpb.FieldDescriptorProto {
	options := &descriptorpb.FieldOptions{}
	if role != 0 {
		proto.SetExtension(options, cosgatev1.E_Role, role)
	}
	if needs != nil {
		proto.SetExtension(options, cosgatev1.E_Needs, needs)
	}
	return &descriptorpb.FieldDescriptorProto{
		Name: new("f" + string('a'+number)), Number: &number, Options: options,
		Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
}

func ofAction(name string) *cosgatev1.Needs {
	return &cosgatev1.Needs{By: &cosgatev1.Needs_Action{Action: name}}
}

// Options that contradict each other stop the gateway from starting, rather than let
// something pass.
func TestLoadRefusesOptionsThatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	good := func() *cosgatev1.Access {
		return &cosgatev1.Access{Action: "Try", Groups: []cosgatev1.Access_Group{cosgatev1.Access_GROUP_READ}, On: []cosgatev1.Access_Kind{cosgatev1.Access_KIND_OBJECT}}
	}
	add := func(fields ...*descriptorpb.FieldDescriptorProto) func(*descriptorpb.DescriptorProto) {
		return func(r *descriptorpb.DescriptorProto) { r.Field = append(r.Field, fields...) }
	}
	message := func(f *descriptorpb.FieldDescriptorProto, repeated bool) *descriptorpb.FieldDescriptorProto {
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), new(".try.v1.TryRequest.Inner")
		if repeated {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		return f
	}
	inner := func(f *descriptorpb.FieldDescriptorProto, fields ...*descriptorpb.FieldDescriptorProto) func(*descriptorpb.DescriptorProto) {
		return func(r *descriptorpb.DescriptorProto) {
			r.Field = append(r.Field, f)
			r.NestedType = append(r.NestedType, &descriptorpb.DescriptorProto{Name: new("Inner"), Field: fields})
		}
	}
	with := func(change func(*cosgatev1.Access)) *cosgatev1.Access {
		a := good()
		change(a)
		return a
	}
	if _, err := load(methodsOf(contract(t, good(), add()))); err != nil {
		t.Fatalf("load of a good contract = %v", err)
	}
	for name, test := range map[string]struct {
		access *cosgatev1.Access
		change func(*descriptorpb.DescriptorProto)
		want   string
	}{
		"no option":                {nil, add(), "no option access"},
		"no action":                {with(func(a *cosgatev1.Access) { a.Action, a.Groups = "", nil }), add(), "no action"},
		"groups of no action":      {with(func(a *cosgatev1.Access) { a.Action = "" }), add(), "an action has a name"},
		"an action without groups": {with(func(a *cosgatev1.Access) { a.Groups = nil }), add(), "defined by no RPC"},
		"an unknown group":         {with(func(a *cosgatev1.Access) { a.Groups = []cosgatev1.Access_Group{99} }), add(), "unknown group"},
		"an unknown kind":          {with(func(a *cosgatev1.Access) { a.On = []cosgatev1.Access_Kind{99} }), add(), "unknown kind"},
		"no kind":                  {with(func(a *cosgatev1.Access) { a.On = nil }), add(), "nothing about what it is done to"},
		"also what is not there":   {with(func(a *cosgatev1.Access) { a.Also = []string{"Other"} }), add(), "defined by no RPC"},
		"no bucket":                {good(), func(r *descriptorpb.DescriptorProto) { r.Field = slices.Delete(r.Field, 1, 2) }, "no field has ROLE_BUCKET"},
		"no key":                   {good(), func(r *descriptorpb.DescriptorProto) { r.Field = r.Field[:2] }, "ROLE_KEY goes with KIND_OBJECT"},
		"no profile":               {good(), func(r *descriptorpb.DescriptorProto) { r.Field = r.Field[1:] }, "no field has ROLE_PROFILE"},
		"two keys":                 {good(), add(field(4, cosgatev1.Role_ROLE_KEY, nil)), "two fields have ROLE_KEY"},
		"an unknown role":          {good(), add(field(4, 99, nil)), "unknown role"},
		"a prefix without a key":   {good(), func(r *descriptorpb.DescriptorProto) { r.Field[2] = field(3, cosgatev1.Role_ROLE_KEY_PREFIX, nil) }, "ROLE_KEY goes with KIND_OBJECT"},
		"gives away what is not there": {with(func(a *cosgatev1.Access) {
			a.Unnarrowed = []*cosgatev1.Right{{Action: "Other", On: cosgatev1.Access_KIND_OBJECT}}
		}), add(), "defined by no RPC"},
		"gives away nothing that is known": {with(func(a *cosgatev1.Access) { a.Unnarrowed = []*cosgatev1.Right{{Action: "Try"}} }), add(), "unknown kind"},
		"a key with an action":             {good(), func(r *descriptorpb.DescriptorProto) { r.Field[2] = field(3, cosgatev1.Role_ROLE_KEY, ofAction("Try")) }, "not one of its own"},
		"needs nothing":                    {good(), add(field(4, 0, &cosgatev1.Needs{})), "nothing that is known"},
		"needs an unknown action":          {good(), add(field(4, 0, ofAction("Other"))), "defined by no RPC"},
		"another bucket for free":          {good(), add(field(4, cosgatev1.Role_ROLE_OTHER_BUCKET, nil)), "defined by no RPC"},
		"another key for free":             {good(), add(field(4, cosgatev1.Role_ROLE_OTHER_KEY, nil)), "defined by no RPC"},
		"an unknown evaluator":             {good(), add(field(4, 0, &cosgatev1.Needs{By: &cosgatev1.Needs_Evaluator{Evaluator: 99}})), "no evaluator"},
		"values of a string":               {good(), add(field(4, 0, &cosgatev1.Needs{By: &cosgatev1.Needs_ByValue{ByValue: &cosgatev1.ByValue{}}})), "by_value is for an enum"},
		"headers in a string":              {good(), add(field(4, 0, &cosgatev1.Needs{By: &cosgatev1.Needs_ByHeader{ByHeader: &cosgatev1.ByHeader{}}})), "by_header is for a map"},
		"a key in a list":                  {good(), inner(message(field(4, 0, nil), true), field(1, cosgatev1.Role_ROLE_KEY, nil)), "can name nothing here"},
		"items without a key":              {good(), inner(message(field(4, cosgatev1.Role_ROLE_ITEMS, nil), true), field(1, 0, nil)), "an item of ROLE_ITEMS has a key"},
		"items and a key":                  {good(), inner(message(field(4, cosgatev1.Role_ROLE_ITEMS, nil), true), field(1, cosgatev1.Role_ROLE_KEY, nil)), "keys in the items only"},
		"an object without a bucket": {
			good(),
			inner(message(field(4, cosgatev1.Role_ROLE_OTHER_OBJECT, ofAction("Try")), false), field(1, cosgatev1.Role_ROLE_KEY, nil)),
			"has a bucket and a key",
		},
		"a message in itself": {good(), inner(message(field(4, 0, nil), false), message(field(1, 0, nil), false)), "contains itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := load(methodsOf(contract(t, test.access, test.change))); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("load = %v, want an error with %q", err, test.want)
			}
		})
	}
}

package access

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	"github.com/cosgate/cosgate/internal/policy"
)

// FuzzNeeds: whatever bytes are the request of whatever RPC, its needs can be read, there is
// one, and each is an action that policies can name on a resource that it is done to, or is
// denied to everyone.
func FuzzNeeds(f *testing.F) {
	rules := mustLoad(f)
	rules.Narrowed = func(profile string) bool { return profile == "narrowed" }
	all := rules.All()
	actions := make(map[string]policy.Action)
	for _, a := range rules.Actions() {
		actions[a.Name] = a
	}
	for i, rule := range all {
		m := dynamicpb.NewMessage(rule.input)
		for _, text := range []protoreflect.Name{"bucket", "key", "profile", "key_prefix", "prefix"} {
			if d := rule.input.Fields().ByName(text); d != nil && d.Kind() == protoreflect.StringKind && !d.IsList() {
				m.Set(d, protoreflect.ValueOfString("a-1"))
			}
		}
		seed, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(i), seed, false)
		f.Add(uint16(i), []byte{}, true)
	}
	f.Add(uint16(0), []byte{0xff}, true)
	f.Fuzz(func(t *testing.T, which uint16, request []byte, narrowed bool) {
		rule := all[int(which)%len(all)]
		kind, err := protoregistry.GlobalTypes.FindMessageByName(rule.input.FullName())
		if err != nil {
			t.Fatal(err)
		}
		m := kind.New()
		if proto.Unmarshal(request, m.Interface()) != nil {
			return // it never gets here
		}
		profile := "own keys"
		if narrowed {
			profile = "narrowed"
		}
		needs := rule.Needs(m, profile)
		if len(needs) == 0 {
			t.Errorf("%s needs nothing", rule.RPC)
		}
		for _, n := range needs {
			a, known := actions[n.Action]
			switch {
			case known == (n.Field != "") && n.Action != "", n.Action == "" && n.Field == "":
				t.Errorf("%s: the need %+v has neither an action nor a field, or both", rule.RPC, n)
			case n.Action != "" && n.Resource.Kind != a.On[0]:
				t.Errorf("%s: %s is needed on a %s", rule.RPC, n.Action, n.Resource.Kind)
			case n.Action != "" && a.Lists != (n.Prefix != nil):
				t.Errorf("%s: %s is needed with the prefix %v", rule.RPC, n.Action, n.Prefix)
			}
		}
		rule.Target(m, "main")
	})
}

// FuzzDestination: whatever the text, the need is about the bucket at its end, or no policy
// can allow it.
func FuzzDestination(f *testing.F) {
	for _, text := range []string{
		other, bucket, "qcs::cos:ap-guangzhou::" + other, "qcs::cos:ap-guangzhou::" + other + ":", "qcs::cos:ap-guangzhou:: " + other,
		"qcs::cos:ap-guangzhou:uid/1250000000:" + other, "QCS::cos:ap-guangzhou::" + other, other + "\n", "", ":", "::", "qcs::cos:::-1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		needs := needsOfRPC(t, "BucketConfigService/PutBucketInventory", &cosgatev1.PutBucketInventoryRequest{
			Bucket: bucket, Inventory: &cosgatev1.InventoryConfiguration{Destination: &cosgatev1.InventoryDestination{Bucket: text}},
		})[1:]
		if len(needs) == 1 && needs[0].Action == "" && needs[0].Field != "" {
			return // denied
		}
		named := bucket
		if len(needs) == 1 {
			named = needs[0].Resource.Bucket
		}
		region, ok := strings.CutPrefix(strings.TrimSuffix(text, "::"+named), "qcs::cos:")
		if text != named && (!ok || region == "" || strings.ContainsAny(region, ": /\n") || text != "qcs::cos:"+region+"::"+named) && text != "" {
			t.Errorf("%q needs %+v", text, needs)
		}
	})
}

// FuzzPicOperations: whatever the document, each bucket and key that another reader finds
// in it is one of the needs, or no policy can allow it.
func FuzzPicOperations(f *testing.F) {
	for _, text := range []string{
		`{"is_pic_info":1,"rules":[{"fileid":"a.png","rule":"imageMogr2/format/png","bucket":"` + other + `"}]}`, `{}`, `[]`, `{"rules":[{"fileid":"/a","rule":""}]}`,
		`{"rules":[{"fileid":"a","rule":"","bucket":["` + other + `"]}]}`, `{"rules":[{"fileid":"a","rule":"","BUCKET":"` + other + `"}]}`,
		`{"rules":[{"fileid":"a","rule":"","bucket":"` + bucket + `","bucket":"` + other + `"}]}`, `{"rules":[{"fileid":"../a","rule":""}]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return // none
		}
		needs := needsOfRPC(t, "ObjectService/PutObject", &cosgatev1.PutObjectRequest{Spec: &cosgatev1.PutObjectSpec{Bucket: bucket, Key: "k", PicOperations: text}})[1:]
		if len(needs) == 1 && needs[0].Field == "pic_operations" && needs[0].Action == "" {
			return // denied
		}
		// Another reader, which takes names in any letters and the last of several.
		var read struct {
			Rules []struct{ Bucket, FileID string }
		}
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Errorf("%q cannot be read and needs %+v", text, needs)
		}
		for _, rule := range read.Rules {
			named := cmp.Or(rule.Bucket, bucket)
			if !slices.ContainsFunc(needs, func(n Need) bool {
				return n.Action == "PutObject" && n.Resource.Kind == policy.Object && n.Resource.Bucket == named && strings.HasSuffix(rule.FileID, n.Resource.Key)
			}) {
				t.Errorf("%q names %+v and needs %+v", text, rule, needs)
			}
		}
	})
}

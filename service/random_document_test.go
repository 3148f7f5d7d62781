package service

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// A randomizer fills messages with what their rules allow.
type randomizer struct {
	*rand.Rand
	rules protovalidate.Validator
	count int
}

// newRandomizer prints its seed; seed 0 takes one from the clock.
func newRandomizer(t *testing.T, seed int64) *randomizer {
	t.Helper()
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	t.Logf("the seed is %d", seed)
	v, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	return &randomizer{Rand: rand.New(rand.NewSource(seed)), rules: v}
}

// valid fills m until it obeys its rules. fix puts right what the rules of the message
// do not say and COS wants.
func (r *randomizer) valid(t *testing.T, m proto.Message, fix func(proto.Message)) {
	t.Helper()
	var err error
	for range 500 {
		proto.Reset(m)
		r.fill(m.ProtoReflect())
		fix(m)
		if err = r.rules.Validate(m); err == nil {
			return
		}
	}
	t.Fatalf("no valid %s came up; the last one: %v", m.ProtoReflect().Descriptor().Name(), err)
}

func (r *randomizer) fill(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if isUnknown(f) { // TestBucketConfigsKeepWhatIsNotKnown plants it
			continue
		}
		rules := rulesOf(f)
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
			if m.WhichOneof(o) != nil || r.Intn(o.Fields().Len()) > 0 {
				continue
			}
		} else if !rules.GetRequired() && rules.GetRepeated().GetMinItems() == 0 && r.Intn(3) == 0 {
			continue
		}
		switch {
		case f.IsList():
			list, least := m.Mutable(f).List(), int(rules.GetRepeated().GetMinItems())
			for range least + r.Intn(3) {
				if f.Kind() == protoreflect.MessageKind {
					r.message(list.AppendMutable().Message())
				} else {
					list.Append(r.scalar(f, rules.GetRepeated().GetItems()))
				}
			}
		case f.Kind() == protoreflect.MessageKind:
			r.message(m.Mutable(f).Message())
		default:
			m.Set(f, r.scalar(f, rules))
		}
	}
}

func (r *randomizer) message(m protoreflect.Message) {
	if t, ok := m.Interface().(*timestamppb.Timestamp); ok {
		t.Seconds = 1_700_000_000 + r.Int63n(100_000_000)
		return
	}
	r.fill(m)
}

func rulesOf(f protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

func (r *randomizer) scalar(f protoreflect.FieldDescriptor, rules *validate.FieldRules) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.Intn(2) == 0)
	case protoreflect.Int32Kind:
		low, high := int64(rules.GetInt32().GetGte()), int64(rules.GetInt32().GetLte())
		if high == 0 {
			high = low + 100
		}
		return protoreflect.ValueOfInt32(int32(low + r.Int63n(min(high-low, 1000)+1)))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rules.GetInt64().GetGte() + r.Int63n(1<<40))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(r.text(rules.GetString()))
	default:
		panic(fmt.Sprintf("%s: no random %s", f.FullName(), f.Kind()))
	}
}

// text follows the rules that documents have.
func (r *randomizer) text(rules *validate.StringRules) string {
	r.count++
	has := func(e protoreflect.ExtensionType) bool { v, _ := proto.GetExtension(rules, e).(bool); return v }
	switch {
	case len(rules.GetIn()) > 0:
		return rules.GetIn()[r.Intn(len(rules.GetIn()))]
	case rules.GetPattern() == "^[45][0-9][0-9]$":
		return fmt.Sprint(400 + r.Intn(200))
	case has(cosgatev1.E_IsBucket):
		return testBucket
	case has(cosgatev1.E_IsBucketResource):
		return fmt.Sprintf("qcs::cos:ap-guangzhou::b%d-1250000000", r.count)
	case has(cosgatev1.E_IsRegion), has(cosgatev1.E_IsProfile):
		return ""
	case has(cosgatev1.E_IsStorageClass), has(cosgatev1.E_IsWord):
		return []string{"STANDARD_IA", "ARCHIVE", "INTELLIGENT_TIERING"}[r.Intn(3)]
	case has(cosgatev1.E_IsPresetAcl):
		return []string{"private", "public-read", "authenticated-read"}[r.Intn(3)]
	case has(cosgatev1.E_IsConfigId):
		return fmt.Sprintf("id-%d_.%d", r.count, r.Intn(1000))
	case has(cosgatev1.E_IsDomain):
		return fmt.Sprintf("www%d.example.com", r.count)
	case has(cosgatev1.E_IsGranteeId):
		return fmt.Sprintf("qcs::cam::uin/1000000000%d:uin/1000000000%d", r.Intn(90)+10, r.count)
	case has(cosgatev1.E_IsTagText):
		return fmt.Sprintf("%d%s", r.count, r.of(`ab/ =-_.中文é+:@`))
	case has(cosgatev1.E_IsHeader):
		return fmt.Sprintf("qcs:/%d %s", r.count, r.of(`abc<>&"'=-_.,`))
	}
	return fmt.Sprintf("%d%s", r.count, r.of(`ab/<>&"' ;=-_.中文é😀]`))
}

func (r *randomizer) of(letters string) string {
	all := []rune(letters)
	var b strings.Builder
	for range 1 + r.Intn(8) {
		b.WriteRune(all[r.Intn(len(all))])
	}
	return strings.TrimSpace(b.String()) + "."
}

// one returns one of the values.
func one[T any](r *randomizer, values ...T) T { return values[r.Intn(len(values))] }

// distinct keeps the first tag of each key.
func distinct(tags []*cosgatev1.Tag) []*cosgatev1.Tag {
	seen := make(map[string]bool)
	return slices.DeleteFunc(tags, func(t *cosgatev1.Tag) bool {
		again := seen[t.GetKey()]
		seen[t.GetKey()] = true
		return again
	})
}

package service

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
	cosstatus "github.com/cosgate/cosgate/service/status"
)

const (
	// maxRequest is the most that a message without content may have. The documents of
	// buckets could have more by the rules of the contract alone; COS takes no such document.
	maxRequest = 2 << 20
	// spareBytes is what every message may have in addition to the largest valid one, so that
	// a request that is a little too long hears which of its fields is.
	spareBytes = 4 << 10
	// maxForeign is the most that a message of another API may have: health, which strangers
	// can call, and reflection, whose requests are one name each. They have no rules.
	maxForeign = 4 << 10
	// uncheckedBytes is the size below which the items of a message are not worth counting
	// before they are decoded.
	uncheckedBytes = 1 << 10
	// maxNesting bounds messages inside of messages. The contract needs far fewer.
	maxNesting = 32
	// maxUnknown is what all pieces of a document that the contract does not know may have
	// together.
	maxUnknown = 64 << 10
)

// messageBounds knows what the messages of each type may have, by the rules of the
// contract. It is safe for concurrent use.
type messageBounds struct {
	known sync.Map // protoreflect.MessageDescriptor → *messageBound
	sizes sizes
}

func newMessageBounds() *messageBounds { return &messageBounds{sizes: newSizes()} }

func (b *messageBounds) of(d protoreflect.MessageDescriptor) *messageBound {
	if known, ok := b.known.Load(d); ok {
		bound, _ := known.(*messageBound)
		return bound
	}
	bound := b.sizes.bound(d)
	b.known.Store(d, bound)
	return bound
}

// A messageBound is what the messages of one type may have.
type messageBound struct {
	name  string
	size  int64 // the most bytes
	shape *shape
}

func (s sizes) bound(d protoreflect.MessageDescriptor) *messageBound {
	b := &messageBound{name: string(d.Name()), shape: newShape(d, make(map[protoreflect.FullName]*shape))}
	if d.ParentFile().Package() != cosgatev1.File_cosgate_v1_object_service_proto.Package() {
		b.size = maxForeign
		return b
	}
	size, bounded := s.largest(d, 0)
	b.size = size + spareBytes
	if b.shape.unknown(nil) {
		b.size += maxUnknown
	}
	if b.shape.content == 0 && (b.size > maxRequest || !bounded) {
		b.size = maxRequest
	}
	return b
}

// count counts the items of a message before they are decoded, since an item of two bytes
// becomes one of a hundred. It stops at the first that is too many.
func (b *messageBound) count(wire []byte) (items int, err error) {
	return b.walk(&walker{}, wire)
}

// explain finds the field that is not UTF-8. When there is none, the message is no protobuf.
func (b *messageBound) explain(wire []byte) error {
	if _, err := b.walk(&walker{text: true}, wire); err != nil {
		return err
	}
	return malformed("the message is no " + b.name + " in protobuf")
}

func (b *messageBound) walk(w *walker, wire []byte) (items int, err error) {
	if f := w.message(b.shape, wire, &counts{}, maxNesting); f != nil {
		return w.items, cosstatus.FailField(codes.InvalidArgument, cosstatus.ReasonInvalidField, f.path, f.problem)
	}
	return w.items, nil
}

// A shape is what a type of message is made of, as far as it is bounded.
type shape struct {
	fields  map[protowire.Number]*fieldShape
	content protowire.Number // the field with a chunk; 0 for none
}

type fieldShape struct {
	name    string
	number  protowire.Number
	maximum int // items; 0 for a field with one value
	isMap   bool
	packed  bool // its items can stand in one value
	text    bool
	unknown bool   // it holds UnknownXml
	message *shape // nil for a scalar
}

func newShape(d protoreflect.MessageDescriptor, known map[protoreflect.FullName]*shape) *shape {
	if s, ok := known[d.FullName()]; ok {
		return s
	}
	s := &shape{fields: make(map[protowire.Number]*fieldShape, d.Fields().Len())}
	known[d.FullName()] = s
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		field := &fieldShape{name: string(f.Name()), number: f.Number(), isMap: f.IsMap(), text: f.Kind() == protoreflect.StringKind, unknown: isUnknown(f)}
		if f.IsList() || f.IsMap() {
			field.maximum = maxItems(f)
		}
		field.packed = f.IsList() && f.Message() == nil && f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.BytesKind
		if f.Message() != nil {
			field.message = newShape(f.Message(), known)
			if f.Message().Name() == "Chunk" {
				s.content = f.Number()
			}
		}
		s.fields[f.Number()] = field
	}
	return s
}

// unknown reports whether there is a place for pieces of a document that the contract does
// not know. seen are shapes that were looked at.
func (s *shape) unknown(seen map[*shape]bool) bool {
	if seen == nil {
		seen = make(map[*shape]bool)
	}
	if s == nil || seen[s] {
		return false
	}
	seen[s] = true
	for _, f := range s.fields {
		if f.unknown || f.message.unknown(seen) {
			return true
		}
	}
	return false
}

// isUnknown reports whether the field holds such pieces.
func isUnknown(f protoreflect.FieldDescriptor) bool {
	return f.Message() != nil && f.Message().FullName() == (&cosgatev1.UnknownXml{}).ProtoReflect().Descriptor().FullName()
}

// maxItems is how many items of a field the contract allows. It is -1, which is none, when
// the contract does not say: TestEveryFieldOfARequestIsBounded fails then.
func maxItems(f protoreflect.FieldDescriptor) int {
	rules := fieldRulesOf(f)
	switch {
	case f.IsMap() && rules.GetMap().HasMaxPairs():
		return int(rules.GetMap().GetMaxPairs()) //nolint:gosec // a number of the contract
	case f.IsList() && rules.GetRepeated().HasMaxItems():
		return int(rules.GetRepeated().GetMaxItems()) //nolint:gosec // a number of the contract
	}
	return -1
}

func fieldRulesOf(f protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

// counts are the items of one message so far. A message inside of it whose encoding is in
// several pieces is still one message.
type counts struct {
	items  map[protowire.Number]int
	inside map[protowire.Number]*counts
}

func (c *counts) add(number protowire.Number, n int) int {
	if c.items == nil {
		c.items = make(map[protowire.Number]int)
	}
	c.items[number] += n
	return c.items[number]
}

func (c *counts) of(number protowire.Number) *counts {
	if c.inside == nil {
		c.inside = make(map[protowire.Number]*counts)
	}
	if c.inside[number] == nil {
		c.inside[number] = &counts{}
	}
	return c.inside[number]
}

// A fault is what is wrong with a field.
type fault struct{ path, problem string }

// in is the fault of a field inside of another.
func (f *fault) in(path string) *fault {
	if f != nil {
		f.path = path + "." + f.path
	}
	return f
}

// A walker goes through an encoded message and the messages in it, until it finds a list
// that is too long, or text that is not UTF-8. It stops where the message is no protobuf:
// decoding it says so.
type walker struct {
	text  bool
	items int // so far
}

func (w *walker) message(s *shape, wire []byte, c *counts, levels int) *fault {
	for len(wire) > 0 && levels > 0 {
		number, kind, n := protowire.ConsumeTag(wire)
		if n < 0 {
			return nil
		}
		wire = wire[n:]
		if n = protowire.ConsumeFieldValue(number, kind, wire); n < 0 {
			return nil
		}
		value := wire[:n]
		wire = wire[n:]
		f, ok := s.fields[number]
		if !ok {
			continue
		}
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(value)
		}
		if found := w.field(f, kind, value, c, levels); found != nil {
			return found
		}
	}
	return nil
}

func (w *walker) field(f *fieldShape, kind protowire.Type, value []byte, c *counts, levels int) *fault {
	if f.maximum == 0 {
		if f.message == nil || kind != protowire.BytesType {
			return w.scalar(f, value)
		}
		return w.message(f.message, value, c.of(f.number), levels-1).in(f.name)
	}
	items := 1
	if f.packed && kind == protowire.BytesType {
		items = packedItems(value)
	}
	w.items += items
	count := c.add(f.number, items)
	switch {
	case count > f.maximum && f.isMap:
		return &fault{f.name, fmt.Sprintf("map must be at most %d entries", max(f.maximum, 0))}
	case count > f.maximum:
		return &fault{f.name, fmt.Sprintf("must contain no more than %d item(s)", max(f.maximum, 0))}
	case f.message == nil || kind != protowire.BytesType:
		return w.scalar(f, value)
	}
	found := w.message(f.message, value, &counts{}, levels-1)
	if found == nil {
		return nil
	}
	if f.isMap { // its keys and values are no fields of the contract
		return &fault{f.name, found.problem}
	}
	return found.in(f.name + "[" + strconv.Itoa(count-1) + "]")
}

func (w *walker) scalar(f *fieldShape, value []byte) *fault {
	if w.text && f.text && !utf8.Valid(value) {
		return &fault{f.name, "must be UTF-8"}
	}
	return nil
}

// packedItems counts numbers in their packed form: each ends with a byte below 0x80, unless
// they have a fixed size, which no list of the contract has.
func packedItems(packed []byte) int {
	n := 0
	for _, b := range packed {
		if b < 0x80 {
			n++
		}
	}
	return n
}

// sizes computes how large messages can be from the rules of the contract.
type sizes struct {
	lengths *regexp.Regexp // in the expressions of rules
}

// newSizes finds size() <= 63, size() == 32 and {0,128}.
func newSizes() sizes {
	return sizes{regexp.MustCompile(`size\(\) [<=]= (\d+)|\{\d+,(\d+)\}`)}
}

// fieldBytes is the most that the tag and the length of a field take.
const fieldBytes = 8

// largest is how many bytes the largest valid message of a type has, or a little more. It
// returns false when the contract does not bound it.
func (s sizes) largest(d protoreflect.MessageDescriptor, depth int) (size int64, bounded bool) {
	if depth > maxNesting {
		return maxRequest, false
	}
	bounded = true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if isUnknown(f) {
			continue // they are bounded together
		}
		n, ok := s.largestField(f, depth)
		bounded = bounded && ok
		size += n
	}
	return size, bounded
}

func (s sizes) largestField(f protoreflect.FieldDescriptor, depth int) (size int64, bounded bool) {
	rules := fieldRulesOf(f)
	items := int64(1)
	switch {
	case f.IsMap():
		key, keyOK := s.largestText(rules.GetMap().GetKeys())
		value, valueOK := s.largestText(rules.GetMap().GetValues())
		items := int64(maxItems(f))
		return items * (3*fieldBytes + key + value), keyOK && valueOK && items >= 0
	case f.IsList():
		items, rules = int64(maxItems(f)), rules.GetRepeated().GetItems()
	}
	switch f.Kind() {
	case protoreflect.MessageKind:
		size, bounded = s.largest(f.Message(), depth+1)
	case protoreflect.StringKind, protoreflect.BytesKind:
		size, bounded = s.largestText(rules)
	default:
		size, bounded = 10, true
	}
	return items * (fieldBytes + size), bounded && items >= 0
}

// largestText is the length of the longest text or bytes that rules allow, or a little more.
func (s sizes) largestText(rules *validate.FieldRules) (size int64, bounded bool) {
	const spare = 64 // what stands around the counted part of an expression
	longest := int64(-1)
	at := func(n uint64) { longest = max(longest, int64(n)) } //nolint:gosec // a number of the contract
	text := rules.GetString()
	switch {
	case text.HasMaxBytes():
		return int64(text.GetMaxBytes()), true //nolint:gosec // a number of the contract
	case text.HasMaxLen():
		at(text.GetMaxLen() * utf8.UTFMax)
	case rules.GetBytes().HasMaxLen():
		return int64(rules.GetBytes().GetMaxLen()), true //nolint:gosec // a number of the contract
	}
	for _, one := range text.GetIn() {
		at(uint64(len(one)))
	}
	for _, expression := range expressionsOf(rules) {
		if strings.Contains(expression, "^") && strings.Contains(expression, "$") && !strings.ContainsAny(expression, "*+{") {
			at(uint64(len(expression))) // it matches no more characters than it has
		}
		for _, match := range s.lengths.FindAllStringSubmatch(expression, -1) {
			n, _ := strconv.ParseUint(match[1]+match[2], 10, 32)
			at(n)
		}
	}
	return max(longest, 0) + spare, longest >= 0
}

// expressionsOf are the expressions that a text must satisfy: those of its field, and those
// of the rules in rules.proto that it names.
func expressionsOf(rules *validate.FieldRules) []string {
	var all []string
	for _, rule := range rules.GetCel() {
		all = append(all, rule.GetExpression())
	}
	if pattern := rules.GetString().GetPattern(); pattern != "" {
		all = append(all, pattern)
	}
	rules.GetString().ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.IsExtension() && v.Bool() {
			predefined, _ := proto.GetExtension(f.Options(), validate.E_Predefined).(*validate.PredefinedRules)
			for _, rule := range predefined.GetCel() {
				all = append(all, rule.GetExpression())
			}
		}
		return true
	})
	return all
}

package service

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A leaf is one value that a response has, and where: "header ETag",
// "body /ListPartsResult/Part/Size", "body /A/B@attribute".
type leaf struct{ where, value string }

// difference says that the leaf did not reach the caller.
func (l leaf) difference() string { return fmt.Sprintf("%s: %q did not arrive", l.where, l.value) }

// An xmlNode is an element of a document, in the order of the document.
type xmlNode struct {
	path       string
	attributes []wireHeader
	text       string
	children   int
}

// xmlNodes returns the elements of a document in order, and its declaration.
func xmlNodes(body []byte) (nodes []*xmlNode, declaration string, err error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var open []*xmlNode
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				return nil, "", fmt.Errorf("%s does not end", open[len(open)-1].path)
			}
			return nodes, declaration, nil
		}
		if err != nil {
			return nil, "", err
		}
		switch token := token.(type) {
		case xml.ProcInst:
			declaration = "<?" + token.Target + " " + string(token.Inst) + "?>"
		case xml.StartElement:
			n := &xmlNode{path: "/" + token.Name.Local}
			if len(open) > 0 {
				parent := open[len(open)-1]
				parent.children++
				n.path = parent.path + n.path
			}
			for _, a := range token.Attr {
				name := a.Name.Local
				if a.Name.Space != "" {
					name = a.Name.Space + ":" + name
				}
				n.attributes = append(n.attributes, wireHeader{name, a.Value})
			}
			nodes, open = append(nodes, n), append(open, n)
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(token)
			}
		case xml.EndElement:
			if len(open) == 0 {
				return nil, "", fmt.Errorf("%s ends without a beginning", token.Name.Local)
			}
			n := open[len(open)-1]
			if n.children > 0 {
				n.text = strings.TrimSpace(n.text)
			}
			open = open[:len(open)-1]
		}
	}
}

// isXML says whether the body of a response is a document of COS and not content.
func (r wireResponse) isXML() bool {
	return bytes.HasPrefix(r.body, []byte("<")) && strings.Contains(headerOf(r.headers, "Content-Type"), "xml")
}

// selected separates the frames of a SelectObjectContent: documents that count, and records.
func (r wireResponse) selected() (documents [][]byte, records []byte, ok bool) {
	for rest := r.body; len(rest) > 0; {
		if len(rest) < 16 {
			return nil, nil, false
		}
		total, head := binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
		if uint64(total) > uint64(len(rest)) || uint64(head)+16 > uint64(total) {
			return nil, nil, false
		}
		payload := rest[12+head : total-4]
		if bytes.HasPrefix(payload, []byte("<")) {
			documents = append(documents, payload)
		} else {
			records = append(records, payload...)
		}
		rest = rest[total:]
	}
	return documents, records, true
}

// leaves are the values of a response. What several values share one header is told apart.
func (r wireResponse) leaves() ([]leaf, error) {
	var all []leaf
	for _, h := range r.headers {
		for _, v := range partsOfHeader(h) {
			all = append(all, leaf{"header " + h.name, v})
		}
	}
	if len(r.body) == 0 {
		return all, nil
	}
	if documents, records, ok := r.selected(); ok {
		for _, d := range documents {
			inner, err := (wireResponse{headers: []wireHeader{{"Content-Type", "text/xml"}}, body: d}).leaves()
			if err != nil {
				return nil, err
			}
			all = append(all, inner[1:]...) // without the header
		}
		return append(all, leaf{"body", string(records)}), nil
	}
	if !r.isXML() {
		return append(all, leaf{"body", string(r.body)}), nil
	}
	nodes, _, err := xmlNodes(r.body)
	if err != nil {
		return nil, err
	}
	escaped := false // names of a list, when it says so
	for _, n := range nodes {
		if strings.HasSuffix(n.path, "/EncodingType") && n.text == "url" {
			escaped = true
		}
		if escaped {
			if name, err := url.PathUnescape(n.text); err == nil {
				n.text = name
			}
		}
		for _, a := range n.attributes {
			if a.name != "xmlns" && !strings.HasPrefix(a.name, "xmlns:") {
				all = append(all, leaf{"body " + n.path + "@" + a.name, a.value})
			}
		}
		if n.children == 0 && n.text != "" {
			all = append(all, leaf{"body " + n.path, n.text})
		}
	}
	return all, nil
}

// partsOfHeader separates the values of a header that has several.
func partsOfHeader(h wireHeader) []string {
	name := strings.ToLower(h.name)
	switch {
	case name == "x-cos-restore" || name == "x-cos-restore-status": // ongoing-request="false", expiry-date="Fri, 03 May 2024 00:00:00 GMT"
		var parts []string
		for i, quoted := range strings.Split(h.value, `"`) {
			if i%2 == 1 {
				parts = append(parts, quoted)
			}
		}
		return parts
	case name == "content-range": // bytes 0-9/20
		var from, to, size int64
		if _, err := fmt.Sscanf(h.value, "bytes %d-%d/%d", &from, &to, &size); err == nil {
			return []string{strconv.FormatInt(from, 10), strconv.FormatInt(to-from+1, 10), strconv.FormatInt(size, 10)}
		}
	case strings.HasPrefix(name, "access-control-allow-") && name != "access-control-allow-origin", name == "access-control-expose-headers":
		var parts []string
		for part := range strings.SplitSeq(h.value, ",") {
			parts = append(parts, strings.TrimSpace(part))
		}
		return parts
	}
	return []string{h.value}
}

// A delivered value is one that a caller gets.
type delivered struct {
	field  string
	equals func(documented string) bool
	taken  bool
}

// deliver collects what a message says, however deep.
func deliver(all []*delivered, where string, m protoreflect.Message) []*delivered {
	switch known := m.Interface().(type) {
	case *timestamppb.Timestamp:
		return append(all, &delivered{field: where, equals: func(s string) bool {
			at, ok := parseTime(s)
			return ok && at.Equal(known.AsTime())
		}})
	case *durationpb.Duration:
		return append(all, &delivered{field: where, equals: func(s string) bool {
			n, err := strconv.ParseFloat(s, 64)
			return err == nil && n == known.AsDuration().Seconds()
		}})
	}
	if inner, ok := m.Interface().(*anypb.Any); ok {
		if known, err := inner.UnmarshalNew(); err == nil {
			return deliver(all, where, known.ProtoReflect())
		}
	}
	for i := range m.Descriptor().Fields().Len() { // false, 0 and "" are values, too
		f := m.Descriptor().Fields().Get(i)
		if !f.HasPresence() && !f.IsList() && !f.IsMap() && !m.Has(f) {
			all = append(all, scalar(f, string(f.Name()), m.Get(f)))
		}
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(f.Name())
		switch {
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				all = append(all, scalar(f.MapKey(), "key of "+name, k.Value()))
				if f.MapValue().Message() != nil {
					all = deliver(all, k.String(), v.Message())
				} else {
					all = append(all, scalar(f.MapValue(), k.String(), v))
				}
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				all = deliverValue(all, f, name, v.List().Get(i))
			}
		default:
			all = deliverValue(all, f, name, v)
		}
		return true
	})
	return all
}

func deliverValue(all []*delivered, f protoreflect.FieldDescriptor, name string, v protoreflect.Value) []*delivered {
	if f.Message() != nil {
		// A message may be a value by its presence: all_users is what a URI says at its end.
		all = append(all, &delivered{field: name, equals: func(s string) bool {
			return strings.EqualFold(s[strings.LastIndex(s, "/")+1:], strings.ReplaceAll(name, "_", ""))
		}})
		return deliver(all, name, v.Message())
	}
	return append(all, scalar(f, name, v))
}

func scalar(f protoreflect.FieldDescriptor, name string, v protoreflect.Value) *delivered {
	d := &delivered{field: name}
	switch f.Kind() {
	case protoreflect.EnumKind:
		value := f.Enum().Values().ByNumber(v.Enum())
		d.equals = func(s string) bool {
			return value != nil && strings.HasSuffix("_"+string(value.Name()), "_"+strings.ToUpper(strings.NewReplacer("-", "_", " ", "_", "/", "_").Replace(s)))
		}
	case protoreflect.BoolKind:
		d.equals = func(s string) bool {
			switch strings.ToLower(s) {
			case "true", "enabled", "enable", "on", "yes", "1":
				return v.Bool()
			case "false", "disabled", "disable", "off", "no", "0":
				return !v.Bool()
			}
			return false
		}
	case protoreflect.BytesKind:
		d.equals = func(s string) bool {
			return s == string(v.Bytes()) || s == base64.StdEncoding.EncodeToString(v.Bytes())
		}
	case protoreflect.StringKind:
		d.equals = func(s string) bool { return s == v.String() || strings.Trim(s, `"`) == strings.Trim(v.String(), `"`) }
	default:
		d.equals = func(s string) bool { return s == v.String() }
	}
	return d
}

// parseTime reads a time in the forms that COS has.
func parseTime(s string) (time.Time, bool) {
	if at, err := http.ParseTime(s); err == nil {
		return at, true
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) == 10 {
		return time.Unix(n, 0), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "Mon Jan _2 15:04:05 2006", "2006-01-02"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// unclaimed returns the leaves that nothing of what was delivered is equal to. Each value
// stands for one leaf; the one whose field has the name of the leaf is preferred.
func unclaimed(leaves []leaf, all []*delivered) []leaf {
	var missing []leaf
	for _, l := range leaves {
		var best *delivered
		for _, d := range all {
			if !d.taken && d.equals(l.value) && (best == nil || likeName(l.where, d.field) > likeName(l.where, best.field)) {
				best = d
			}
		}
		if best == nil {
			missing = append(missing, l)
			continue
		}
		best.taken = true
	}
	return missing
}

// likeName says how many characters the end of a leaf's place shares with a field's name.
func likeName(where, field string) int {
	letters := strings.NewReplacer("-", "", "_", "", "@", "")
	where, field = strings.ToLower(letters.Replace(where)), strings.ToLower(letters.Replace(field))
	n := 0
	for n < len(where) && n < len(field) && where[len(where)-1-n] == field[len(field)-1-n] {
		n++
	}
	return n
}

// deliverAll collects what several messages say.
func deliverAll(messages ...proto.Message) []*delivered {
	var all []*delivered
	for _, m := range messages {
		all = deliver(all, string(m.ProtoReflect().Descriptor().Name()), m.ProtoReflect())
	}
	return all
}

package document

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type menu struct {
	Name    string         `xml:",omitempty"`
	Open    *bool          `xml:"IsOpen"`
	Days    *int32         // of the week
	Dishes  []dish         `xml:"Dish"`
	Drinks  []string       `xml:"Drinks>Drink"`
	First   string         `xml:"Order>First,omitempty"`
	Hosts   map[int]string `xml:"Host_*"`
	Tables  map[int]*table `xml:"Table_*"`
	Owner   *owner
	Lang    string `xml:"xml:lang,attr,omitempty"`
	Unknown []Unknown
}

type dish struct {
	Title   string `xml:",omitempty"`
	Spice   *string
	Sauces  []sauce `xml:"Sauce"`
	Unknown []Unknown
}

type sauce struct {
	Name string `xml:",omitempty"`
}

type table struct {
	Seats *int
}

type owner struct {
	ID string `xml:",omitempty"`
}

func decodeMenu(t *testing.T, text string) menu {
	t.Helper()
	e, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s) = %v", text, err)
	}
	var m menu
	if err := Decode(e, &m); err != nil {
		t.Fatalf("Decode(%s) = %v", text, err)
	}
	return m
}

func encodeMenu(t *testing.T, m menu) string {
	t.Helper()
	e, err := Encode("Menu", &m)
	if err != nil {
		t.Fatalf("Encode(%+v) = %v", m, err)
	}
	return e.String()
}

// Each document comes back as it was, as far as its parts are in the order of the fields.
func TestDecodeAndEncodeKeepWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`<Menu></Menu>`,
		`<Menu xmlns="x" a="1"><Name>n</Name><New>1</New><New>2</New></Menu>`,
		`<Menu xml:lang="zh"><Name a="&#xA;&lt;">n<In></In></Name></Menu>`,
		`<Menu><Dish><Title>a</Title></Dish><Dish b="2"><Title>b</Title><Spice></Spice><Sauce><Name>s</Name></Sauce><Sauce c="3"><Name d="4">t</Name><x:More xmlns:x="u">m</x:More></Sauce></Dish></Menu>`,
		`<Menu><Drinks><Drink>a</Drink><Drink e="5">b</Drink><Food>c</Food></Drinks></Menu>`,
		`<Menu><Drinks f="6"></Drinks></Menu>`,
		`<Menu><Drinks><Food></Food></Drinks></Menu>`,
		`<Menu><Order><First>1</First><Second>2</Second></Order></Menu>`,
		`<Menu><Host_1>a</Host_1><Host_3 g="7">c</Host_3><Table_2><Seats>4</Seats><Legs>3</Legs></Table_2><Host_x>d</Host_x></Menu>`,
		`<Menu><Owner></Owner></Menu>`,
		`<Menu><Owner h="8"></Owner><Name></Name><Days></Days></Menu>`,
		`<Menu><Owner></Owner><Name i="9"></Name></Menu>`,
		`<Menu><Owner></Owner><Name><In></In></Name></Menu>`,
		`<Menu><IsOpen>false</IsOpen><Days>0</Days></Menu>`,
		`<Menu><New>mixed <b>text</b> here</New></Menu>`,
	} {
		m := decodeMenu(t, text)
		if strings.Contains(text, "Host_x") { // which could be taken for a known one
			if _, err := Encode("Menu", &m); err == nil {
				t.Errorf("Encode of %s: no error, want that Host_x is refused", text)
			}
			continue
		}
		if got := encodeMenu(t, m); got != text {
			t.Errorf("%s\ncomes back as\n%s\nby %+v", text, got, m)
		}
	}
}

func TestDecodeTakesSpaceBetweenElementsAndOtherSpellings(t *testing.T) {
	t.Parallel()
	m := decodeMenu(t, "\ufeff<?xml version='1.0'?>\n<!-- c -->\n<Menu>\n\t<IsOpen> TRUE </IsOpen>\n <Days>\n3</Days><Name> a <![CDATA[<]]></Name>\n<Drinks>\n</Drinks></Menu>\n<!-- d -->")
	want := `<Menu><Name> a &lt;</Name><IsOpen>true</IsOpen><Days>3</Days></Menu>`
	m.Unknown = nil
	if got := encodeMenu(t, m); got != want {
		t.Errorf("it comes back as %s, want %s", got, want)
	}
}

func TestDecodeCollectsInTheNearestStruct(t *testing.T) {
	t.Parallel()
	m := decodeMenu(t, `<Menu><Dish><Title>a</Title></Dish><Dish><Title b="1">b</Title><Sauce></Sauce><Sauce c="2"><X><Y/></X></Sauce></Dish><Owner><X/></Owner></Menu>`)
	want := []Unknown{{Path: "Title", Name: "b", Value: "1"}, {Path: "Sauce[2]", Name: "c", Value: "2"}, {Path: "Sauce[2]", Element: "<X><Y></Y></X>"}}
	if diff := cmp.Diff(want, m.Dishes[1].Unknown); diff != "" || m.Dishes[0].Unknown != nil {
		t.Errorf("the dishes have %+v (-want +got):\n%s", m.Dishes[0].Unknown, diff)
	}
	if diff := cmp.Diff([]Unknown{{Path: "Owner", Element: "<X></X>"}}, m.Unknown); diff != "" {
		t.Errorf("the menu has (-want +got):\n%s", diff)
	}
}

// A second one of what there is one of could be the one that COS takes.
func TestDecodeKeepsRepetitionsAndEncodeRefusesThem(t *testing.T) {
	t.Parallel()
	m := decodeMenu(t, `<Menu><Name>a</Name><Name>b</Name></Menu>`)
	if diff := cmp.Diff(menu{Name: "a", Unknown: []Unknown{{Element: "<Name>b</Name>"}}}, m); diff != "" {
		t.Errorf("it is (-want +got):\n%s", diff)
	}
	if _, err := Encode("Menu", &m); err == nil {
		t.Error("Encode = nil, want an error")
	}
}

func TestDecodeRefusesWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`<Menu><Days>many</Days></Menu>`, `<Menu><Days>4294967296</Days></Menu>`, `<Menu><IsOpen>1.5</IsOpen></Menu>`, `<Menu>text<Name>a</Name></Menu>`,
		`<Menu><Drinks>wine</Drinks></Menu>`, `<Menu><Table_1><Seats>x</Seats></Table_1></Menu>`,
	} {
		e, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(e, new(menu)); err == nil {
			t.Errorf("Decode(%s) = nil, want an error", text)
		}
	}
}

func TestParseIsStrict(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, ` `, `text`, `<a>`, `<a><b></a>`, `<a></a></a>`, `<a></b>`, `<a></A>`, `<x:a></a>`, `<a/><b/>`, `<a/>text`, `text<a/>`, `<a b="1" b="2"/>`, `<a b=1/>`, `<a b/>`,
		`<a>&unknown;</a>`, `<a>&</a>`, `<a b="<"/>`, `<!DOCTYPE a><a/>`, `<a><b></a></b>`, `<a`, `<a/`, `<?xml version="1.0" encoding="UTF-8"><a/>`, `<a>` + strings.Repeat("<b>", 32) + strings.Repeat("</b>", 32) + `</a>`,
	} {
		if e, err := Parse([]byte(text)); err == nil {
			t.Errorf("Parse(%s) = %v, want an error", text, e)
		}
	}
}

func TestEncodeRefusesPiecesThatCouldHideWhatIsKnown(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]Unknown{
		"nothing": {}, "both": {Element: "<X/>", Name: "x"},
		"not well-formed": {Element: "<X>"}, "two": {Element: "<X/><Y/>"}, "text": {Element: "x"}, "a way out": {Element: "</Menu><Menu>"},
		"known": {Element: "<Name>x</Name>"}, "known, in other letters": {Element: "<naME>x</naME>"}, "known, with a prefix": {Element: `<p:Name xmlns:p="">x</p:Name>`},
		"known, empty in other letters": {Element: "<NAME></NAME>"},
		"known, numbered":               {Element: "<Host_9>x</Host_9>"}, "known, inside": {Path: "Dish/Sauce", Element: "<Name>x</Name>"},
		"known, in one that only holds": {Path: "Drinks", Element: "<Drink>x</Drink>"}, "known that only holds": {Element: "<Drinks><Drink>x</Drink></Drinks>"},
		"no such path": {Path: "New", Element: "<X/>"}, "no such item": {Path: "Dish[3]", Element: "<X/>"}, "absent": {Path: "Owner", Element: "<X/>"},
		"no path": {Path: "Dish[x]", Element: "<X/>"}, "no number": {Path: "Dish[0]", Element: "<X/>"}, "no bracket": {Path: "Dish[1", Element: "<X/>"},
		"no name": {Name: `x="1" y`}, "no name at all": {Name: "<"}, "a known attribute": {Name: "XML:Lang", Value: "x"},
		"too deep": {Element: strings.Repeat("<X>", 33) + strings.Repeat("</X>", 33)},
	} {
		m := menu{Name: "n", Dishes: []dish{{Sauces: []sauce{{Name: "s"}}}, {}}, Unknown: []Unknown{p}}
		_, err := Encode("Menu", &m)
		if e, ok := errors.AsType[*UnknownError](err); !ok || e.Piece != p || e.Problem == "" {
			t.Errorf("%s: Encode = %v, want an UnknownError of the piece", name, err)
		}
	}
	twice := menu{Unknown: []Unknown{{Name: "x"}, {Name: "x"}}}
	if _, err := Encode("Menu", &twice); err == nil {
		t.Error("Encode with an attribute twice = nil, want an error")
	}
}

// A field that was read as empty may have been set since.
func TestEncodeForgetsThatAFieldWasEmpty(t *testing.T) {
	t.Parallel()
	m := decodeMenu(t, `<Menu><Name></Name></Menu>`)
	m.Name = "n"
	if got := encodeMenu(t, m); got != `<Menu><Name>n</Name></Menu>` {
		t.Errorf("it is written as %s", got)
	}
}

// What is parsed, written and parsed again is the same, and so is what a struct has of it.
func FuzzDocument(f *testing.F) {
	for _, text := range []string{
		`<Menu a="&lt;"><Name>n</Name><New>1<b/>2</New><Drinks><Drink>a</Drink><x:y/></Drinks><Host_1>h</Host_1></Menu>`,
		`<Menu><Dish><Title b="1">b</Title><Sauce c="2"><X/></Sauce></Dish><Owner/><Name/></Menu>`, `<?xml version="1.0"?><a> <![CDATA[]]>&#65;</a>`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Parse([]byte(e.String()))
		if err != nil || again.String() != e.String() {
			t.Fatalf("%q is written as %q, which is %v, %v", data, e, again, err)
		}
		var m, n menu
		if Decode(e, &m) != nil {
			return
		}
		written, err := Encode(e.Name, &m)
		if err != nil { // a repetition, say
			return
		}
		values := m.Open != nil || m.Days != nil || m.Tables != nil // which have several spellings
		if want, got := canonical(e), canonical(written); want != got && !values {
			t.Fatalf("%s\nis written as\n%s", want, got)
		}
		if err := Decode(written, &n); err != nil {
			t.Fatalf("%s is written as %s, which is not decoded: %v", e, written, err)
		}
		if second, err := Encode(e.Name, &n); err != nil || canonical(second) != canonical(written) {
			t.Fatalf("%s is written as\n%s and then as\n%s, %v", e, written, second, err)
		}
	})
}

// canonical writes an element with its attributes and elements in the order of their names,
// and its texts in front.
func canonical(e *Element) string {
	c := &Element{Name: e.Name, Attributes: slices.Clone(e.Attributes)}
	slices.SortFunc(c.Attributes, func(a, b Attribute) int { return strings.Compare(a.Name, b.Name) })
	if text := e.text(); strings.TrimSpace(text) != "" { // space is nothing in an element that has others
		c.setText(text)
	}
	names := slices.Clone(e.Content)
	slices.SortStableFunc(names, func(a, b *Element) int { return strings.Compare(a.Name, b.Name) })
	for _, inside := range names {
		if inside.Name != "" {
			parsed, _ := Parse([]byte(canonical(inside)))
			c.append(parsed)
		}
	}
	return c.String()
}

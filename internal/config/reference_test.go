package config

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

const (
	examplePath   = "../../cmd/cosgate/cosgate.example.yaml"
	referencePath = "../../docs/configuration.md"
)

var update = flag.Bool("update", false, "write cosgate.example.yaml and docs/configuration.md")

// current holds the file at path against want, or writes it with -update.
func current(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("%s (-file +the fields of the configuration):\n%s\nto write it: go test ./internal/config -update", path, diff)
	}
}

func TestExampleIsCurrentAndLoads(t *testing.T) {
	c := exampleConfig()
	current(t, examplePath, writeExample(t, &c))
	got, err := Load(examplePath, Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, &c, got)
	set := make(map[string]bool)
	for path := range got.source.at {
		for name := range got.Profiles {
			path = strings.Replace(path, "profiles."+name, "profiles.*", 1)
		}
		set[strings.ReplaceAll(path, "[0]", "")] = true
	}
	for _, path := range pathsOf(reflect.TypeFor[Config](), "") {
		// The credentials that assume a role are explained where they are used without one.
		if !set[path] && !set[strings.Replace(path, ".assume_role", "", 1)] {
			t.Errorf("%s is not in the example; add it to exampleConfig", path)
		}
	}
}

func TestReferenceIsCurrent(t *testing.T) {
	current(t, referencePath, writeReference(t))
}

func TestOverridesNameKeys(t *testing.T) {
	t.Parallel()
	paths := pathsOf(reflect.TypeFor[Config](), "")
	for path, f := range overridesByKey() {
		if !slices.Contains(paths, path) {
			t.Errorf("--%s overrides %q, which is not a key", f.Get("name"), path)
		}
	}
}

// defaultsOf returns a T with its defaults.
func defaultsOf[T any]() T {
	var v T
	setDefaults(reflect.ValueOf(&v).Elem())
	return v
}

// exampleOf returns a T with the values of its tags: example, or else default.
func exampleOf[T any]() T {
	v := defaultsOf[T]()
	setExamples(reflect.ValueOf(&v).Elem())
	return v
}

func setExamples(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if text, ok := f.Tag.Lookup("example"); ok {
			mustSet(f, v.Field(i), text)
		} else if f.Type.Kind() == reflect.Struct && keyOf(f) != "" {
			setExamples(v.Field(i))
		}
	}
}

// exampleConfig is the content of cosgate.example.yaml. What occurs any number of times
// is here; the tags have the rest.
func exampleConfig() Config {
	c := exampleOf[Config]()
	c.Authentication.Certificates = new(exampleOf[Certificates]())
	c.Authentication.JWT = []JWT{exampleOf[JWT]()}
	c.Authentication.Groups = map[string][]string{"operators": {"cert:spiffe://example.com/ops", "token:nightly-backup"}}
	profile := func(region string, credentials Credentials) Profile {
		p := exampleOf[Profile]()
		p.Region, p.Credentials = region, credentials
		return p
	}
	main := profile("ap-guangzhou", Credentials{Env: new(exampleOf[Env]())})
	main.PublicEndpoint, main.ServiceEndpoint = main.Endpoint, "https://service.cos.myqcloud.com"
	archive := profile("ap-shanghai", Credentials{File: "/run/secrets/cos-archive"})
	archive.Proxy = "http://proxy.example.com:3128"
	role := exampleOf[AssumeRole]()
	role.RoleARN, role.ExternalID = "qcs::cam::uin/100000000001:roleName/cosgate", "example"
	role.Env = &Env{SecretID: "STS_SECRET_ID", SecretKey: "STS_SECRET_KEY", SecurityToken: "STS_SECURITY_TOKEN"}
	signing := exampleOf[Signing]()
	signing.RoleARN, signing.ExternalID, signing.STSEndpoint = "qcs::cam::uin/100000000001:roleName/cosgate-signing", "example", "https://sts.tencentcloudapi.com"
	archive.Signing = &signing
	files := profile("ap-guangzhou", Credentials{File: "/run/secrets/cos-files"})
	files.Endpoint, files.Bucket = "https://files.example.com", "files-1250000000"
	c.Profiles = map[string]Profile{
		"main": main, "archive": archive, "files": files,
		"machine": profile("ap-guangzhou", Credentials{Metadata: &Metadata{Role: "cosgate"}}),
		"partner": profile("ap-guangzhou", Credentials{AssumeRole: &role}),
	}
	return c
}

// fieldComments reads the comments of the fields of this package: by "Struct.Field".
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := make(map[string]string)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range s.Fields.List {
					for _, fieldName := range f.Names {
						comments[spec.Name.Name+"."+fieldName.Name] = strings.TrimSpace(f.Doc.Text())
					}
				}
			}
			return true
		})
	}
	return comments
}

// overridesByKey returns the tags of the overrides by the key they override.
func overridesByKey() map[string]reflect.StructTag {
	tags := make(map[string]reflect.StructTag)
	for f := range reflect.TypeFor[Overrides]().Fields() {
		tags[f.Tag.Get("key")] = f.Tag
	}
	return tags
}

// facts says in sentences what the tags of a field say.
func facts(f reflect.StructField) string {
	var s []string
	low, high, zero := f.Tag.Get("min"), f.Tag.Get("max"), f.Tag.Get("zero")
	if low == "1" || high == "2147483647" { // they only keep out nonsense
		low, high = "", ""
	}
	switch {
	case low != "" && high != "":
		s = append(s, "From "+low+" to "+high+".")
	case low != "":
		s = append(s, "At least "+low+".")
	case high != "":
		s = append(s, "At most "+high+".")
	}
	if enum := f.Tag.Get("enum"); enum != "" && f.Type.Kind() == reflect.String {
		s = append(s, "One of "+strings.ReplaceAll(enum, ",", ", ")+".")
	}
	if zero != "" {
		s = append(s, "0: "+zero+".")
	}
	return strings.Join(s, " ")
}

func defaultText(f reflect.StructField) string {
	return strings.ReplaceAll(f.Tag.Get("default"), ",", ", ")
}

// An exampleWriter writes a configuration as YAML with the comments of its fields. Each
// field is explained where it comes first.
type exampleWriter struct {
	out       strings.Builder
	comments  map[string]string
	overrides map[string]reflect.StructTag
	explained map[string]bool
}

func writeExample(t *testing.T, c *Config) string {
	t.Helper()
	w := &exampleWriter{comments: fieldComments(t), overrides: overridesByKey(), explained: make(map[string]bool)}
	w.out.WriteString(`# The configuration of ` + "`cosgate serve --config cosgate.yaml`" + `, written from the fields of
# internal/config by ` + "`go test ./internal/config -update`" + `.
#
# Every key is optional unless it says otherwise. What is unknown, contradictory or unsafe
# is refused with its line and the fix; ` + "`cosgate config check FILE`" + ` lists every problem,
# ` + "`cosgate config print FILE`" + ` shows the configuration in force. Secrets do not belong in
# this file: it only says where they are. A flag or an environment variable takes
# precedence over the key that names it.
`)
	w.structure(reflect.ValueOf(c).Elem(), "", "", "")
	return w.out.String()
}

// structure writes the keys of v. The first line begins with first, such as "- ".
func (w *exampleWriter) structure(v reflect.Value, path, indent, first string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := keyOf(f)
		if key == "" || v.Field(i).IsZero() && strings.Contains(f.Tag.Get("yaml"), "omitempty") {
			continue
		}
		if path == "" {
			w.out.WriteString("\n")
		}
		at := indent
		if first != "" {
			at = indent[:len(indent)-len(first)]
		}
		w.explain(v.Type().Name()+"."+f.Name, f, join(path, key), at)
		w.out.WriteString(at + first + key + ":")
		first = ""
		w.value(v.Field(i), join(path, key), indent)
	}
}

// explain writes the comment of a field: what it is, its range, its default, and what
// overrides it.
func (w *exampleWriter) explain(name string, f reflect.StructField, path, indent string) {
	if w.explained[name] {
		return
	}
	w.explained[name] = true
	text := w.comments[name]
	tags := facts(f)
	if d := defaultText(f); d != "" {
		tags += " Default: " + d + "."
	}
	if o, ok := w.overrides[path]; ok {
		tags += " Override: --" + o.Get("name") + ", " + o.Get("env") + "."
	}
	text += "\n" + strings.TrimSpace(tags)
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if line != "" {
			w.out.WriteString(indent + "# " + line + "\n")
		}
	}
}

func (w *exampleWriter) value(v reflect.Value, path, indent string) {
	deeper := indent + "  "
	switch {
	case v.Kind() == reflect.Pointer:
		w.value(v.Elem(), path, indent)
	case v.Kind() == reflect.Struct:
		w.out.WriteString("\n")
		w.structure(v, path, deeper, "")
	case v.Kind() == reflect.Map:
		w.out.WriteString("\n")
		names := make(map[string]reflect.Value)
		for _, name := range v.MapKeys() {
			names[name.String()] = v.MapIndex(name)
		}
		for _, name := range inOrder(names) {
			w.out.WriteString(deeper + name + ":")
			w.value(names[name], join(path, "*"), deeper)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		w.out.WriteString("\n")
		for i := range v.Len() {
			w.structure(v.Index(i), path, deeper+"  ", "- ")
		}
	default:
		text, err := yaml.MarshalWithOptions(v.Interface(), yaml.Flow(true))
		if err != nil {
			panic(err)
		}
		w.out.WriteString(" " + strings.TrimSpace(string(text)) + "\n")
	}
}

// inOrder has main first: the profile that the others differ from.
func inOrder(names map[string]reflect.Value) []string {
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		if a == "main" {
			return -1
		}
		if b == "main" {
			return 1
		}
		return strings.Compare(a, b)
	})
}

// writeReference writes docs/configuration.md: a table for each section.
func writeReference(t *testing.T) string {
	t.Helper()
	comments, overrides := fieldComments(t), overridesByKey()
	var out bytes.Buffer
	out.WriteString(`# Configuration of serve

Every key of the file that ` + "`cosgate serve --config FILE`" + ` reads. This page is written from the fields of ` + "`internal/config`" + ` by ` + "`go test ./internal/config -update`" + `; [cosgate.example.yaml](../cmd/cosgate/cosgate.example.yaml) has the same as a file. [production.md](production.md) says how to use it.

Durations are written as 500ms, 30s or 5m, sizes as 512MiB or 2GiB. ` + "`*`" + ` stands for a name of your choice, ` + "`[]`" + ` for an element of a list. A flag takes precedence over its environment variable, and both over the file.
`)
	header := "\n| key | default | meaning |\n| --- | --- | --- |\n"
	var sections bytes.Buffer
	var rows func(out *bytes.Buffer, typ reflect.Type, path string)
	row := func(out *bytes.Buffer, typ reflect.Type, f reflect.StructField, path string) {
		meaning := strings.Join(strings.Fields(comments[typ.Name()+"."+f.Name]+" "+facts(f)), " ")
		if o, ok := overrides[path]; ok {
			meaning += " Override: `--" + o.Get("name") + "`, `" + o.Get("env") + "`."
		}
		value := defaultText(f)
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", path, value, strings.ReplaceAll(meaning, "|", `\|`))
	}
	rows = func(out *bytes.Buffer, typ reflect.Type, path string) {
		for f := range typ.Fields() {
			if key := keyOf(f); key != "" {
				row(out, typ, f, join(path, key))
				if element, below := elementOf(f.Type, join(path, key)); element != nil {
					rows(out, element, below)
				}
			}
		}
	}
	top := reflect.TypeFor[Config]()
	out.WriteString("\n## Keys without a section\n" + header)
	for f := range top.Fields() {
		key := keyOf(f)
		if key == "" {
			continue
		}
		if element, below := elementOf(f.Type, key); element != nil {
			sections.WriteString("\n## " + key + "\n\n" + strings.Join(strings.Fields(comments["Config."+f.Name]), " ") + "\n" + header)
			rows(&sections, element, below)
			continue
		}
		row(&out, top, f, key)
	}
	out.Write(sections.Bytes())
	return out.String()
}

// elementOf returns the struct that a key of type t leads to, and its path, or nil.
func elementOf(t reflect.Type, path string) (reflect.Type, string) {
	switch t.Kind() {
	case reflect.Pointer:
		return elementOf(t.Elem(), path)
	case reflect.Map:
		return elementOf(t.Elem(), join(path, "*"))
	case reflect.Slice:
		return elementOf(t.Elem(), path+"[]")
	case reflect.Struct:
		return t, path
	default:
		return nil, ""
	}
}

// The tags must fit their types, also in structs that the defaults do not reach.
func TestSchemaTagsFitTheirTypes(t *testing.T) {
	t.Parallel()
	c := exampleConfig() // panics when a tag cannot be parsed
	var found Problems
	checkTags(reflect.ValueOf(c), &report{source: newSource("x"), found: &found})
	if len(found) > 0 {
		t.Errorf("the example breaks the rules of the tags: %v", found)
	}
	if got := c.Authentication.JWT[0].Leeway; got != Duration(time.Minute) {
		t.Errorf("leeway = %v, want the default of a struct in a list", got)
	}
}

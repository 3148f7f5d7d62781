package config

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
)

// Overrides are the keys that people override by hand or by environment. kong fills
// them; nil leaves the file's value. The tag key says which key of the file it is.
type Overrides struct {
	Listen         *string `name:"listen" key:"listen" env:"COSGATE_LISTEN" placeholder:"ADDR" group:"In place of keys of the file:" help:"Where gRPC is served."`
	Admin          *string `name:"admin" key:"admin" env:"COSGATE_ADMIN" placeholder:"ADDR" group:"In place of keys of the file:" help:"Where operators ask."`
	Insecure       *bool   `name:"insecure" key:"insecure" env:"COSGATE_INSECURE" negatable:"" group:"In place of keys of the file:" help:"Serve others in plain text: what passes can be read and changed on the way."`
	TLSCert        *string `name:"tls-cert" key:"tls.cert" env:"COSGATE_TLS_CERT" placeholder:"FILE" group:"In place of keys of the file:" help:"The certificate of the gateway."`
	TLSKey         *string `name:"tls-key" key:"tls.key" env:"COSGATE_TLS_KEY" placeholder:"FILE" group:"In place of keys of the file:" help:"Its private key."`
	TLSClientCA    *string `name:"tls-client-ca" key:"tls.client_ca" env:"COSGATE_TLS_CLIENT_CA" placeholder:"FILE" group:"In place of keys of the file:" help:"The authorities of client certificates."`
	LogLevel       *string `name:"log-level" key:"log.level" env:"COSGATE_LOG_LEVEL" placeholder:"LEVEL" group:"In place of keys of the file:" help:"debug, info, warn or error."`
	LogFormat      *string `name:"log-format" key:"log.format" env:"COSGATE_LOG_FORMAT" placeholder:"FORMAT" group:"In place of keys of the file:" help:"text or json."`
	DrainWait      *string `name:"drain-wait" key:"lifecycle.drain_wait" env:"COSGATE_DRAIN_WAIT" placeholder:"TIME" group:"In place of keys of the file:" help:"How long calls are still taken after SIGTERM."`
	Grace          *string `name:"grace" key:"lifecycle.grace" env:"COSGATE_GRACE" placeholder:"TIME" group:"In place of keys of the file:" help:"How long calls in flight may go on after that."`
	DefaultProfile *string `name:"default-profile" key:"default_profile" env:"COSGATE_DEFAULT_PROFILE" placeholder:"NAME" group:"In place of keys of the file:" help:"The profile of requests that name none."`
	Reflection     *bool   `name:"reflection" key:"reflection" env:"COSGATE_REFLECTION" negatable:"" group:"In place of keys of the file:" help:"Serve the descriptors of the API."`
	GRPCUI         *bool   `name:"grpcui" key:"grpcui" env:"COSGATE_GRPCUI" negatable:"" group:"In place of keys of the file:" help:"Serve a page to call the API from a browser on admin."`
}

// override writes what o says over what the file said.
func (d *decoder) override(o Overrides, into *Config) {
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if v.Field(i).IsNil() {
			continue
		}
		f := v.Type().Field(i)
		path := f.Tag.Get("key")
		d.source.said[path] = "--" + f.Tag.Get("name") + " (" + f.Tag.Get("env") + ")"
		if err := setText(fieldAt(reflect.ValueOf(into).Elem(), path), textOf(v.Field(i).Elem())); err != nil {
			(&report{source: d.source, found: &d.found}).add(path, err.Error(), "")
		}
	}
}

func textOf(v reflect.Value) string {
	if v.Kind() == reflect.Bool {
		return strconv.FormatBool(v.Bool())
	}
	return v.String()
}

func fieldAt(v reflect.Value, path string) reflect.Value {
	for key := range strings.SplitSeq(path, ".") {
		v, _ = fieldByKey(v, key)
	}
	return v
}

func setText(v reflect.Value, s string) error {
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return text.UnmarshalText([]byte(s))
	}
	return setScalar(v, s)
}

package config

import (
	"reflect"
	"strconv"
	"strings"
)

// Overrides are the keys that a flag or an environment variable can override. kong fills
// them; nil leaves the file's value. The tag key says which key of the file it is.
type Overrides struct {
	Listen         *string `name:"listen" key:"listen" env:"COSGATE_LISTEN" placeholder:"ADDR" help:"Where gRPC is served."`
	Admin          *string `name:"admin" key:"admin" env:"COSGATE_ADMIN" placeholder:"ADDR" help:"Where health, metrics and profiles are served."`
	Insecure       *bool   `name:"insecure" key:"insecure" env:"COSGATE_INSECURE" negatable:"" help:"Serve others in plain text, which anyone on the way can read and change."`
	TLSCert        *string `name:"tls-cert" key:"tls.cert" env:"COSGATE_TLS_CERT" placeholder:"FILE" help:"The certificate of the gateway."`
	TLSKey         *string `name:"tls-key" key:"tls.key" env:"COSGATE_TLS_KEY" placeholder:"FILE" help:"Its private key."`
	TLSClientCA    *string `name:"tls-client-ca" key:"tls.client_ca" env:"COSGATE_TLS_CLIENT_CA" placeholder:"FILE" help:"The certificate authorities of clients."`
	LogLevel       *string `name:"log-level" key:"log.level" env:"COSGATE_LOG_LEVEL" placeholder:"LEVEL" help:"debug, info, warn or error."`
	LogFormat      *string `name:"log-format" key:"log.format" env:"COSGATE_LOG_FORMAT" placeholder:"FORMAT" help:"text or json."`
	DrainWait      *string `name:"drain-wait" key:"lifecycle.drain_wait" env:"COSGATE_DRAIN_WAIT" placeholder:"TIME" help:"How long new calls are accepted after SIGTERM."`
	Grace          *string `name:"grace" key:"lifecycle.grace" env:"COSGATE_GRACE" placeholder:"TIME" help:"How long calls in flight may continue after that."`
	DefaultProfile *string `name:"default-profile" key:"default_profile" env:"COSGATE_DEFAULT_PROFILE" placeholder:"NAME" help:"The profile of requests that name none."`
	Reflection     *bool   `name:"reflection" key:"reflection" env:"COSGATE_REFLECTION" negatable:"" help:"Serve the descriptors of the API."`
	GRPCUI         *bool   `name:"grpcui" key:"grpcui" env:"COSGATE_GRPCUI" negatable:"" help:"Serve a page on admin that calls the API from a browser."`
}

// override applies o to what the file set.
func (d *decoder) override(o Overrides, into *Config) {
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if v.Field(i).IsNil() {
			continue
		}
		f := v.Type().Field(i)
		path := f.Tag.Get("key")
		d.source.set[path] = "--" + f.Tag.Get("name") + " (" + f.Tag.Get("env") + ")"
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

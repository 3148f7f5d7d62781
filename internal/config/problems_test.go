package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// problems loads text and returns what is wrong with it, without the name of the file.
func problems(t *testing.T, text string) []string {
	t.Helper()
	path := write(t, text)
	_, err := Load(path, Overrides{})
	found, ok := errors.AsType[Problems](err)
	if err != nil && !ok {
		t.Fatalf("Load = %v, want problems", err)
	}
	var lines []string
	for _, p := range found {
		lines = append(lines, strings.TrimPrefix(p.String(), path+":"))
	}
	return lines
}

// jwt is a configuration with one identity provider, and one more line about it.
func jwt(more string) string {
	return "authentication: {jwt: [{issuer: a, audiences: [x], jwks: k, " + more + "}]}\nauthorization: {policies: p}\n" + smallest
}

func TestLoadNamesLineColumnAndFixOfAProblem(t *testing.T) {
	t.Parallel()
	const tls = "cert: c, key: k"
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":        {"listen: 127.0.0.1:0\nlisten_on: x\n" + smallest, `2:1: unknown key "listen_on"; known here: listen, admin, `},
		"misspelled key":     {"lisen: 127.0.0.1:0\n" + smallest, `1:1: unknown key "lisen"; did you mean "listen"?`},
		"key of a section":   {"grace: 30s\n" + smallest, `1:1: unknown key "grace"; did you mean lifecycle.grace?`},
		"secret in the file": {"profiles:\n  main:\n    credentials:\n      secret_key: muchtoosecret\n", `4:7: profiles.main.credentials: unknown key "secret_key"; did you mean profiles.*.credentials.env.secret_key?`},
		"secret as a name":   {"profiles: {main: {credentials: {env: {secret_id: COS_SECRET_ID, secret_key: muchTooSecret}}}}\n", `1:77: profiles.main.credentials.env.secret_key: is not the name of an environment variable; use capital letters`},
		"merge key":          {"profiles:\n  a: &a {credentials: {env: {}}}\n  b:\n    <<: *a\n", `4:5: profiles.b: unknown key "<<"`},
		"key twice":          {"listen: 127.0.0.1:0\nlisten: 127.0.0.1:1\n" + smallest, `2:1: mapping key "listen" already defined at [1:1]`},
		"not a mapping":      {"- a\n", `1:1: is not a mapping; write keys and values below it`},
		"section is a text":  {"tls: yes\n" + smallest, `1:6: tls: is not a mapping`},
		"text is a section":  {"listen: {a: b}\n" + smallest, `1:9: listen: is not a single value`},
		"no value":           {"tls:\n" + smallest, `tls: has no value; give it one, or leave the key out`},
		"not YAML":           {"listen: [\n", ``},
		"two documents":      {smallest + "---\nlisten: 127.0.0.1:0\n", `the file holds a second document; leave one`},
		"boolean":            {"reflection: yes\n" + smallest, `1:13: reflection: is neither true nor false`},
		"number":             {"limits: {streams_per_connection: many}\n" + smallest, `1:34: limits.streams_per_connection: is not a whole number in range`},
		"streams":            {"limits: {streams_per_connection: 0}\n" + smallest, `1:34: limits.streams_per_connection: is not from 1 to 2147483647; the default is 1000`},
		"connections":        {"limits: {connections: -1}\n" + smallest, `1:23: limits.connections: is not from 1 to 2147483647`},
		"size":               {"limits: {read_memory: 3 MB}\n" + smallest, `1:23: limits.read_memory: is not a size; use a whole number with a unit, such as 512MiB or 2GiB`},
		"little memory":      {"limits:\n  upload_memory: 1MiB\n" + smallest, `2:18: limits.upload_memory: is below 64MiB; the default is 512MiB`},
		"little read memory": {"limits:\n  read_memory: 1KiB\n" + smallest, `2:16: limits.read_memory: is below 1MiB`},
		"little share":       {"limits: {caller_upload_memory: 1MiB}\n" + smallest, `1:32: limits.caller_upload_memory: is not from 64MiB to upload_memory; 0 means no limit`},
		"large share":        {"limits: {caller_upload_memory: 1GiB}\n" + smallest, `1:32: limits.caller_upload_memory: is not from 64MiB to upload_memory`},
		"little read share":  {"limits: {caller_read_memory: 1KiB}\n" + smallest, `1:30: limits.caller_read_memory: is not from 1MiB to read_memory; 0 means no limit`},
		"large read share":   {"limits: {read_memory: 1MiB, caller_read_memory: 2MiB}\n" + smallest, `1:49: limits.caller_read_memory: is not from 1MiB to read_memory`},
		"duration":           {"lifecycle: {grace: soon}\n" + smallest, `1:20: lifecycle.grace: is not a duration; use one such as 500ms, 30s or 5m`},
		"negative duration":  {"lifecycle: {grace: -1s}\n" + smallest, `1:20: lifecycle.grace: is not a duration`},
		"age grace alone":    {"lifecycle: {max_connection_age: 0s, max_connection_age_grace: 1s}\n" + smallest, `1:63: lifecycle.max_connection_age_grace: is set, and max_connection_age: 0s means`},
		"negative count":     {"limits: {calls: -1}\n" + smallest, `1:17: limits.calls: is not from 1 to 2147483647; 0 means no limit`},
		"leeway":             {"authentication: {jwt: [{issuer: a, audiences: [x], jwks: k, leeway: 6m}]}\nauthorization: {policies: p}\n" + smallest, `1:69: authentication.jwt[0].leeway: is above 5m; the default is 1m`},
		"symmetric":          {jwt("algorithms: [HS256, none]"), `authentication.jwt[0].algorithms: "HS256" is not one of [RS256 RS384`},
		"no signature":       {jwt("algorithms: [RS256, none]"), `authentication.jwt[0].algorithms: "none" is not one of`},
		"prefix of a kind":   {jwt("prefix: 'jwt:a'"), `authentication.jwt[0].prefix: must be letters, digits and ._-, at most 64, and a colon, such as "corp:"`},
		"prefix of two":      {jwt("prefix: 'a:b:'"), `authentication.jwt[0].prefix: must be letters`},
		"keys in plain text": {strings.Replace(jwt("prefix: 'a:'"), "jwks: k", "jwks: 'http://id.example/keys'", 1), `authentication.jwt[0].jwks: the URL must be https`},
		"keys of a user":     {strings.Replace(jwt("prefix: 'a:'"), "jwks: k", "jwks: 'https://me:muchtoosecret@id.example/keys'", 1), `authentication.jwt[0].jwks: the URL must be https`},
		"an empty audience":  {strings.Replace(jwt("prefix: 'a:'"), "[x]", "[x, '']", 1), `authentication.jwt[0].audiences: at least one is needed, none empty`},
		"no algorithm":       {jwt("algorithms: []"), `authentication.jwt[0].algorithms: is empty`},
		"member without kind": {
			"authentication: {tokens: f, groups: {ops: [alice]}}\nauthorization: {policies: p}\n" + smallest,
			`authentication.groups.ops: "alice" is not the name of a caller; names begin with cert:spiffe://, cert:dns:, cert:cn:, jwt:, token:`,
		},
		"member without source": {
			"authentication: {tokens: f, groups: {ops: ['cert:alice']}}\nauthorization: {policies: p}\n" + smallest,
			`authentication.groups.ops: "cert:alice" is not the name of a caller`,
		},
		"field twice": {
			"tls: {" + tls + ", client_ca: c, client_auth: require}\nauthentication: {certificates: {name_from: [cn, cn]}}\nauthorization: {policies: p}\n" + smallest,
			`authentication.certificates.name_from: cn is there twice`,
		},
		"unknown field": {
			"tls: {" + tls + ", client_ca: c, client_auth: require}\nauthentication: {certificates: {name_from: [email]}}\nauthorization: {policies: p}\n" + smallest,
			`authentication.certificates.name_from: "email" is not a field of a certificate`,
		},
		"callback address":   {"profiles: {main: {callback_hosts: [10.0.0.1], credentials: {env: {secret_id: COS_SECRET_ID, secret_key: COS_SECRET_KEY}}}}\n", `profiles.main.callback_hosts: "10.0.0.1" is not a host such as hooks.example.com`},
		"empty variable":     {"profiles: {main: {credentials: {env: {secret_id: ''}}}}\n", `profiles.main.credentials.env.secret_id: is not the name of an environment variable`},
		"age too short":      {"lifecycle: {max_connection_age: 1ms}\n" + smallest, `1:33: lifecycle.max_connection_age: is below 1s; 0 means no limit`},
		"ping after":         {"lifecycle: {keepalive: {ping_after: 0s}}\n" + smallest, `1:37: lifecycle.keepalive.ping_after: is below 1s`},
		"ping timeout":       {"lifecycle: {keepalive: {ping_timeout: 1ms}}\n" + smallest, `1:39: lifecycle.keepalive.ping_timeout: is below 1s`},
		"client pings":       {"lifecycle: {keepalive: {min_client_ping_interval: 1ms}}\n" + smallest, `1:51: lifecycle.keepalive.min_client_ping_interval: is below 1s`},
		"log level":          {"log: {level: loud}\n" + smallest, `1:14: log.level: "loud" is unknown; use debug, info, warn or error`},
		"log format":         {"log: {format: xml}\n" + smallest, `1:15: log.format: "xml" is unknown; use text or json`},
		"no port":            {"listen: 127.0.0.1\n" + smallest, `1:9: listen: "127.0.0.1" is not host:port, such as 127.0.0.1:0`},
		"port":               {"admin: 127.0.0.1:70000\n" + smallest, `1:8: admin: "127.0.0.1:70000" has a port that is not a number from 0 to 65535`},
		"same address":       {"admin: 127.0.0.1:50051\n" + smallest, `1:8: admin: is the same as listen, or one includes the other; choose another port`},
		"admin in listen":    {"listen: 0.0.0.0:8081\ninsecure: true\n" + smallest, `admin: is the same as listen, or one includes the other`},
		"listen in admin":    {"admin: :50051\n" + smallest, `1:8: admin: is the same as listen, or one includes the other`},
		"admin by its name":  {"admin: localhost:50051\n" + smallest, `1:8: admin: is the same as listen, or one includes the other`},
		"no host":            {"admin: '127.0.0.1 :8081'\n" + smallest, `1:8: admin: "127.0.0.1 :8081" has a host that is neither an IP address nor a name`},
		"role of a machine":  {"profiles: {main: {credentials: {metadata: {role: 'a b'}}}}\n", `profiles.main.credentials.metadata.role: cosbackend: metadata credentials: `},
		"role that assumes":  {"profiles: {main: {credentials: {assume_role: {role_arn: 'qcs::cam::uin/1:roleName/r', metadata: {role: 'a b'}}}}}\n", `profiles.main.credentials.assume_role.metadata.role: `},
		"admin host":         {"admin_hosts: ['cosgate:8081']\n" + smallest, `1:15: admin_hosts[0]: "cosgate:8081" is not the name of a host; leave out scheme and port`},
		"plain for everyone": {"listen: 0.0.0.0:50051\n" + smallest, `1:9: listen: "0.0.0.0:50051" can be reached by others, and without tls they could read and change what passes; set tls.cert and tls.key, or use 127.0.0.1, or accept it with insecure: true (--insecure)`},
		"nobody is asked":    {"listen: :50051\ntls: {" + tls + "}\n" + smallest, `1:9: listen: ":50051" can be reached by others, and they need not prove who they are; set authentication`},
		"given is not asked": {"listen: :50051\ntls: {" + tls + ", client_ca: ca, client_auth: verify_if_given}\n" + smallest, `1:9: listen: ":50051" can be reached by others, and they need not prove`},
		"insecure with tls":  {"tls: {" + tls + "}\ninsecure: true\n" + smallest, `2:11: insecure: contradicts tls; leave one of the two out`},
		"cert alone":         {"tls: {cert: c}\n" + smallest, `1:13: tls.cert: is set without key; set tls.key`},
		"key alone":          {"tls: {key: k}\n" + smallest, `1:12: tls.key: is set without cert; set tls.cert`},
		"ca alone":           {"tls: {client_ca: c, client_auth: require}\n" + smallest, `1:18: tls.client_ca: is set without cert and key`},
		"ca unused":          {"tls: {" + tls + ", client_ca: c}\n" + smallest, `1:35: tls.client_ca: is set, and client_auth: none does not use it`},
		"auth without ca":    {"tls: {" + tls + ", client_auth: require}\n" + smallest, `1:37: tls.client_auth: is require without client_ca`},
		"unknown auth":       {"tls: {" + tls + ", client_auth: maybe}\n" + smallest, `1:37: tls.client_auth: "maybe" is unknown; use none, verify_if_given or require`},
		"old TLS":            {"tls: {min_version: 1.1}\n" + smallest, `1:20: tls.min_version: "1.1" is unknown; use 1.2 or 1.3`},
		"page for everyone":  {"admin: :8081\ngrpcui: true\n" + smallest, `2:9: grpcui: would let everybody who reaches admin call the gateway from this machine; set admin to a loopback address`},
		"page without cert":  {"grpcui: true\ntls: {" + tls + ", client_ca: c, client_auth: require}\n" + smallest, `1:9: grpcui: cannot call a gateway that requires client certificates`},
		"empty":              {"", `1:1: profiles: there is none; configure at least one`},
		"comment only":       {"# nothing\n", `1:1: profiles: there is none`},
		"no credentials":     {"profiles:\n  main:\n    region: ap-guangzhou\n", `2:3: profiles.main.credentials: not exactly one of env, file, metadata and assume_role is set; set one of them`},
		"metadata narrowed":  {"profiles: {main: {credentials: {metadata: {}}, signing: {mode: narrowed}}}\n", `profiles.main.signing.mode: is narrowed, and STS does not narrow the temporary credentials of metadata; set role_arn`},
		"signing role":       {"profiles: {main: {credentials: {env: {}}, signing: {role_arn: cosgate}}}\n", `Signing.RoleARN must be like "qcs::cam`},
		"backup":             {"profiles: {main: {endpoint: 'https://{bucket}.cos-internal.{region}.tencentcos.cn', backup_domain: true, credentials: {env: {}}}}\n", `BackupDomain needs an Endpoint of the form https://{bucket}.cos.{region}.myqcloud.com`},
		"domain alone":       {"profiles: {main: {endpoint: 'https://files.example.com', credentials: {env: {}}}}\n", `a custom domain serves one bucket, which must be named beside it`},
		"domain of COS":      {"profiles: {main: {endpoint: 'https://cos.ap-guangzhou.myqcloud.com', bucket: a-1, credentials: {env: {}}}}\n", `Endpoint is a host of COS that does not begin with the bucket`},
		"public domain":      {"profiles: {main: {public_endpoint: 'https://files.example.com', credentials: {env: {}}}}\n", `PublicEndpoint must have {bucket}`},
		"only bucket":        {"profiles: {main: {bucket: Photos, credentials: {env: {}}}}\n", `Bucket must be the full name with the APPID`},
		"domain without TLS": {"profiles: {main: {endpoint: 'http://files.example.com', bucket: a-1, credentials: {env: {}}}}\n", `endpoint: reaches COS in plain text over the network`},
		"signing STS":        {"profiles: {main: {credentials: {env: {}}, signing: {sts_endpoint: 'http://sts.example.org'}}}\n", `Signing.STSEndpoint must be https://`},
		"signing duration":   {"profiles: {main: {credentials: {env: {}}, signing: {role_arn: 'qcs::cam::uin/1:roleName/r', max_duration: 13h}}}\n", `Signing.MaxDuration must be whole seconds, at most 12 h for a role`},
		"assume_role longer": {"profiles: {main: {credentials: {assume_role: {role_arn: 'qcs::cam::uin/1:roleName/r', env: {}}}, signing: {max_duration: 13h}}}\n", `profiles.main.signing.max_duration: is above 12h`},
		"external id alone":  {"profiles: {main: {credentials: {env: {}}, signing: {external_id: x}}}\n", `profiles.main.signing.external_id: is set without role_arn`},
		"credentials twice":  {"profiles: {main: {credentials: {env: {}, file: x}}}\n", `1:19: profiles.main.credentials: not exactly one of env, file, metadata and assume_role is set`},
		"profile name":       {"profiles: {'a b': {credentials: {env: {}}}}\n", `1:12: profiles.a b: "a b" is not a valid name of a profile; use letters, digits and ._-, at most 64`},
		"default profile":    {"default_profile: other\n" + smallest, `1:18: default_profile: "other" is not one of the profiles; use one of main`},
		"providers that meet": {
			"authentication: {jwt: [{issuer: a, audiences: [x], jwks: k}, {issuer: b, audiences: [x], jwks: k, prefix: 'b:'}]}\nauthorization: {policies: p}\n" + smallest,
			`authentication.jwt[0].prefix: is missing or used twice, and there are several providers`,
		},
		"no default profile":     {"profiles: {a: {credentials: {env: {}}}, b: {credentials: {env: {}}}}\n", `1:1: default_profile: is not set, and there are several profiles; use one of a, b`},
		"endpoint":               {"profiles: {main: {endpoint: 'https://cos.example.com', credentials: {env: {}}}}\n", `1:12: profiles.main: cosbackend: `},
		"plain endpoint":         {"profiles: {main: {endpoint: 'http://{bucket}.cos.{region}.myqcloud.com', credentials: {env: {}}}}\n", `1:29: profiles.main.endpoint: reaches COS in plain text over the network, where others can read and change what passes, and use its signatures; use https, or accept it with insecure: true in the profile`},
		"plain public endpoint":  {"profiles: {main: {public_endpoint: 'http://{bucket}.example.org:8080', credentials: {env: {}}}}\n", `1:36: profiles.main.public_endpoint: reaches COS in plain text`},
		"plain service endpoint": {"profiles: {main: {service_endpoint: 'HTTP://service.cos.myqcloud.com', credentials: {env: {}}}}\n", `1:37: profiles.main.service_endpoint: reaches COS in plain text`},
		"plain behind a proxy":   {"profiles: {main: {endpoint: 'http://{bucket}.cos.{region}.myqcloud.com', proxy: 'http://127.0.0.1:9000', credentials: {env: {}}}}\n", `1:29: profiles.main.endpoint: reaches COS in plain text`},
		"proxy with password":    {"profiles: {main: {proxy: 'http://me:muchtoosecret@proxy:3128', credentials: {env: {}}}}\n", `1:26: profiles.main.proxy: is not of the form http://host:port`},
		"accelerated region":     {"profiles: {main: {region: accelerate, credentials: {env: {}}}}\n", `1:12: profiles.main: cosbackend: `},
		"internal region":        {"profiles: {main: {region: ap-guangzhou-internal, credentials: {env: {}}}}\n", `which belong in an endpoint`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := problems(t, c.text)
			if len(got) != 1 || !strings.Contains(got[0], c.want) || strings.Contains(strings.ToLower(got[0]), "muchtoosecret") {
				t.Errorf("Load(%q) found %q, want one problem: %s", c.text, got, c.want)
			}
		})
	}
}

func TestLoadFindsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	got := problems(t, "log: {level: 1, colour: red}\nlifecycle:\n  grace: soon\n  drain_wait: later\nlimits: {streams_per_connection: x}\nlissten: a\n")
	var at []string
	for _, p := range got {
		line, _, _ := strings.Cut(p, ": ")
		at = append(at, line)
	}
	want := []string{"1:17", "3:10", "4:15", "5:34", "6:1"}
	if fmt.Sprint(at) != fmt.Sprint(want) {
		t.Errorf("problems at %v, want %v: %q", at, want, got)
	}
	got = problems(t, "listen: a\nadmin: b\nlog: {level: loud}\nprofiles: {a: {}, b: {}}\n")
	if len(got) != 6 {
		t.Errorf("the checks found %q, want six problems", got)
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{smallest, "a: &a [*a]\n", "? x\n", "- - -\n", "tls: !!str x\n", "profiles: {a: *b}\n", "listen: |\n  x\n", "'': 1\n", "1: 2\n", "[a]: b\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := &decoder{source: newSource("x")}
		c := Default()
		c.source = d.source
		d.document([]byte(text), &c)
		c.check(&report{source: d.source, found: &d.found})
		for _, p := range d.found {
			if strings.ContainsAny(p.Where, "\n") {
				t.Errorf("problem %q", p)
			}
		}
	})
}

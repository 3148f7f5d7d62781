package embedded

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A conditionContext is what the conditions of a policy look at.
type conditionContext struct {
	header http.Header
	params params
	length int64 // of the body; below zero is none or not known
	remote string
	tls    bool
	host   string
}

func (x *exchange) conditionContext() conditionContext {
	return conditionContext{header: x.r.Header, params: x.params, length: x.r.ContentLength, remote: x.r.RemoteAddr, tls: x.r.TLS != nil, host: x.r.Host}
}

// A policyCondition compares one property of a request with values. A statement applies
// to the requests that meet all of its conditions.
type policyCondition struct {
	operator string // in lower case, without ifExist
	ifExist  bool   // a request without the property meets it
	key      string
	values   []string
	invalid  bool // it cannot be evaluated
}

// parseConditions reads the condition element of a statement. What it cannot read becomes
// a condition that cannot be evaluated.
func parseConditions(element map[string]map[string]any) []policyCondition {
	var cs []policyCondition
	for operator, keys := range element {
		name, ifExist := strings.CutSuffix(operator, "_if_exist")
		for key, value := range keys {
			c := policyCondition{operator: name, ifExist: ifExist, key: key}
			c.values, c.invalid = conditionValues(value)
			cs = append(cs, c)
		}
		if len(keys) == 0 {
			cs = append(cs, policyCondition{operator: name, invalid: true})
		}
	}
	return cs
}

// conditionValues reads a value or a list of values.
func conditionValues(value any) (values []string, invalid bool) {
	list, many := value.([]any)
	if !many {
		list = []any{value}
	}
	for _, v := range list {
		switch v := v.(type) {
		case string:
			values = append(values, v)
		case bool:
			values = append(values, strconv.FormatBool(v))
		case float64:
			values = append(values, strconv.FormatFloat(v, 'f', -1, 64))
		case json.Number:
			values = append(values, v.String())
		default:
			return nil, true
		}
	}
	return values, len(values) == 0
}

// property is the value of a condition key in a request: its texts, none when the request
// does not have it. known is false for a key that this server does not know. Parameters
// have the form in which they are escaped in a URL.
func (c conditionContext) property(key string) (values []string, known bool) {
	switch key {
	case "qcs:ip":
		host, _, err := net.SplitHostPort(c.remote)
		if err != nil {
			return nil, false // it did not come over a network
		}
		return []string{host}, true
	case "cos:secure-transport":
		return []string{strconv.FormatBool(c.tls)}, true
	case "cos:host":
		return []string{c.host}, true
	case "cos:content-length":
		if c.length < 0 {
			return nil, true
		}
		return []string{strconv.FormatInt(c.length, 10)}, true
	}
	name, ours := strings.CutPrefix(key, "cos:")
	switch {
	case !ours || name != strings.ToLower(name):
		return nil, false
	case name == paramVersion, name == "prefix", name == "delimiter", name == "max-keys", strings.HasPrefix(name, "response-"):
		for _, p := range c.params {
			if p.lower == name {
				values = append(values, urlEncode(p.value))
			}
		}
		return values, true
	case strings.HasPrefix(name, "x-cos-") && name != paramToken && !strings.HasPrefix(name, metaPrefix), name == "pic-operations", name == "content-type":
		return c.header.Values(name), true
	default:
		return nil, false
	}
}

// met reports whether a request meets the condition (E113).
func (c policyCondition) met(of conditionContext) verdict {
	texts, known := of.property(c.key)
	switch {
	case c.invalid || !known:
		return unknown
	case !c.known():
		return unknown
	case len(texts) == 0:
		return verdictOf(c.ifExist)
	case len(texts) > 1: // which of them will count is not said anywhere
		return unknown
	}
	base, negative := strings.CutSuffix(c.operator, "_not_equal")
	if negative {
		base += "_equal"
	} else if base, negative = strings.CutSuffix(c.operator, "_not_like"); negative {
		base += "_like"
	} else {
		base = c.operator
	}
	equal := no
	for _, value := range c.values {
		equal = equal.or(compare(base, texts[0], value))
	}
	if negative {
		return equal.not()
	}
	return equal
}

// known reports whether the server has the operator.
func (c policyCondition) known() bool {
	return slices.Contains([]string{
		"string_equal", "string_not_equal", "string_like", "string_not_like", "ip_equal", "ip_not_equal", "bool_equal",
		"numeric_equal", "numeric_not_equal", "numeric_greater_than", "numeric_greater_than_equal", "numeric_less_than", "numeric_less_than_equal",
	}, c.operator)
}

// compare compares a property of a request with one value of a condition.
func compare(operator, text, value string) verdict {
	switch operator {
	case "string_equal":
		return verdictOf(text == value)
	case "string_like":
		return verdictOf(glob(value, text))
	case "bool_equal":
		return verdictOf(strings.EqualFold(text, value))
	case "ip_equal":
		return compareAddress(text, value)
	default:
		return compareNumber(strings.TrimPrefix(operator, "numeric_"), text, value)
	}
}

func compareAddress(text, value string) verdict {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return unknown
	}
	address = address.Unmap()
	if strings.Contains(value, "/") {
		block, err := netip.ParsePrefix(value)
		if err != nil {
			return unknown
		}
		return verdictOf(block.Contains(address))
	}
	one, err := netip.ParseAddr(value)
	if err != nil {
		return unknown
	}
	return verdictOf(one.Unmap() == address)
}

func compareNumber(relation, text, value string) verdict {
	a, err1 := strconv.ParseInt(text, 10, 64)
	b, err2 := strconv.ParseInt(value, 10, 64)
	if err1 != nil || err2 != nil {
		return unknown
	}
	switch relation {
	case "equal":
		return verdictOf(a == b)
	case "greater_than":
		return verdictOf(a > b)
	case "greater_than_equal":
		return verdictOf(a >= b)
	case "less_than":
		return verdictOf(a < b)
	case "less_than_equal":
		return verdictOf(a <= b)
	default:
		return unknown
	}
}

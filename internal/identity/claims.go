package identity

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// claims are the content of a token, by their exact names.
type claims map[string]any

const (
	// maxName bounds names of callers and groups in bytes.
	maxName = 256
	// maxGroups bounds the groups in a token. A token with more is refused: a policy that
	// forbids something to a group must not depend on its place in the list.
	maxGroups = 256
	// maxDate is the end of the year 9999 in seconds since 1970.
	maxDate = 253402300799
)

// audiences returns aud, which is a text or a list of texts.
func (c claims) audiences() ([]string, error) {
	switch aud := c["aud"].(type) {
	case nil:
		return nil, nil
	case string:
		return []string{aud}, nil
	case []any:
		return texts(aud)
	}
	return nil, errors.New("is neither a text nor a list of texts")
}

func texts(list []any) ([]string, error) {
	out := make([]string, len(list))
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, errors.New("is not a list of texts")
		}
		out[i] = text
	}
	return out, nil
}

// checkAddressee refuses tokens of another issuer or for another service.
func (c claims) checkAddressee(o *JWTOptions) error {
	if c["iss"] != o.Issuer {
		return rejected("the bearer token is of another issuer")
	}
	audiences, err := c.audiences()
	if err != nil {
		return rejected("the claim aud of the bearer token %s", err)
	}
	if !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(o.Audiences, a) }) {
		return rejected("the bearer token is for another audience")
	}
	return nil
}

// checkLifetime refuses tokens that are not valid at now. The provider's clock may be off
// by leeway, in both directions.
func (c claims) checkLifetime(now time.Time, leeway time.Duration) error {
	for _, name := range []string{"exp", "nbf", "iat"} {
		at, present, ok := c.date(name)
		switch {
		case !ok:
			return rejected("the claim %s of the bearer token is not a time", name)
		case !present && name == "exp":
			return rejected("the bearer token has no claim exp, so it would be valid for ever")
		case !present:
		case name == "exp" && !now.Before(at.Add(leeway)):
			return rejected("the bearer token has expired")
		case name == "nbf" && now.Add(leeway).Before(at):
			return rejected("the bearer token is not valid yet")
		case name == "iat" && now.Add(leeway).Before(at):
			return rejected("the bearer token was issued in the future; compare the clocks of the provider and of this gateway")
		}
	}
	return nil
}

// date returns a claim with seconds since 1970.
func (c claims) date(name string) (at time.Time, present, ok bool) {
	value, present := c[name]
	if !present || value == nil {
		return time.Time{}, false, true
	}
	seconds, ok := value.(float64)
	if !ok || seconds < 0 || seconds > maxDate {
		return time.Time{}, true, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second))), true, true
}

// caller names the caller and its groups.
func (c claims) caller(o *JWTOptions) (Caller, error) {
	name, ok := c[o.NameClaim].(string)
	if !ok || !validName(name) {
		return Caller{}, rejected("the claim %s of the bearer token is not a name of 1 to %d bytes", o.NameClaim, maxName)
	}
	// Anybody can enter the address of another at many providers.
	if verified, present := c["email_verified"]; o.NameClaim == "email" && present && verified != true {
		return Caller{}, rejected("the claim email of the bearer token is not verified by its provider")
	}
	groups, err := c.groups(o.GroupsClaim)
	if err != nil {
		return Caller{}, err
	}
	for i := range groups {
		groups[i] = o.Prefix + groups[i]
	}
	return Caller{Name: jwtKind + o.Prefix + name, Groups: groups}, nil
}

// groups returns all groups of the token: it refuses what would lose one of them.
func (c claims) groups(claim string) ([]string, error) {
	var groups []string
	switch value := c[claim].(type) {
	case nil:
		if c.elsewhere(claim) {
			return nil, rejected("the provider left the claim %s out of the bearer token, since there are too many groups; let it send fewer, for example those that are assigned to the application", claim)
		}
	case string:
		groups = []string{value}
	case []any:
		if len(value) > maxGroups {
			return nil, rejected("the claim %s of the bearer token has more than %d groups", claim, maxGroups)
		}
		var err error
		if groups, err = texts(value); err != nil {
			return nil, rejected("the claim %s of the bearer token %s", claim, err)
		}
	default:
		return nil, rejected("the claim %s of the bearer token is not a list of names", claim)
	}
	if !slices.ContainsFunc(groups, func(g string) bool { return !validName(g) }) {
		return groups, nil
	}
	return nil, rejected("the claim %s of the bearer token has a group whose name is not 1 to %d bytes", claim, maxName)
}

// elsewhere reports whether the provider says that a claim is to be had from another
// place, which some do when there are many groups.
func (c claims) elsewhere(claim string) bool {
	names, _ := c["_claim_names"].(map[string]any)
	_, distributed := names[claim]
	return distributed || c["hasgroups"] == true
}

// validName refuses names that logs and policies could not tell from others.
func validName(name string) bool {
	return name != "" && len(name) <= maxName &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) })
}

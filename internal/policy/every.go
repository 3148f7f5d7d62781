package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
)

// Outcomes are what a condition can come to for the objects of a [Resource] with Every:
// some of these three. It may hold more than what really can happen, never less, so that
// doubt denies.
type outcomes uint8

const (
	canBeTrue outcomes = 1 << iota
	canBeFalse
	canFail

	unknown  = canBeTrue | canBeFalse // depends on the object
	anything = unknown | canFail
)

func outcomeOf(b bool) outcomes {
	if b {
		return canBeTrue
	}
	return canBeFalse
}

// decideEvery decides q for every object of its resource: some policy must permit it for
// all of them, and none may forbid it for any.
func (s *Set) decideEvery(q Request) Decision {
	e := everyObject{resource: q.Resource, env: eval.Env{
		Entities: world{s.actions, q.entities()}, Principal: uid("Caller", q.Caller), Action: uid("Action", q.Action),
		Resource: q.Resource.uid(), Context: types.NewRecord(nil),
	}}
	var permits, forbids []string
	for id, p := range s.policies.All() {
		switch o := e.of(s.conditions[id]); {
		case o&canFail != 0, !bool(p.Effect()) && o&canBeTrue != 0:
			forbids = append(forbids, nameOf(p))
		case bool(p.Effect()) && o == canBeTrue:
			permits = append(permits, nameOf(p))
		}
	}
	d := Decision{Allowed: len(forbids) == 0 && len(permits) > 0, Policies: permits}
	if len(forbids) > 0 {
		d.Policies = forbids
	}
	slices.Sort(d.Policies)
	return d
}

// An everyObject evaluates conditions for all objects of a resource at once. What does
// not depend on the object is evaluated as ever, for one of them.
type everyObject struct {
	resource Resource
	env      eval.Env
}

func (e everyObject) of(n ast.IsNode) outcomes {
	if !e.varies(n) {
		return e.constant(n)
	}
	switch n := n.(type) {
	case ast.NodeTypeAnd:
		left := e.of(n.Left)
		if left&canBeTrue == 0 {
			return left
		}
		return left&^canBeTrue | e.of(n.Right)
	case ast.NodeTypeOr:
		left := e.of(n.Left)
		if left&canBeFalse == 0 {
			return left
		}
		return left&^canBeFalse | e.of(n.Right)
	case ast.NodeTypeNot:
		return not(e.of(n.Arg))
	case ast.NodeTypeIfThenElse:
		condition := e.of(n.If)
		found := condition & canFail
		if condition&canBeTrue != 0 {
			found |= e.of(n.Then)
		}
		if condition&canBeFalse != 0 {
			found |= e.of(n.Else)
		}
		return found
	case ast.NodeTypeLike:
		if prefix, ok := e.text(n.Arg); ok {
			return like(n.Value, prefix)
		}
	case ast.NodeTypeEquals:
		return e.equals(n.Left, n.Right)
	case ast.NodeTypeNotEquals:
		return not(e.equals(n.Left, n.Right))
	case ast.NodeTypeContains:
		return e.contains(n.Left, n.Right)
	case ast.NodeTypeIn:
		if isResource(n.Left) {
			return e.within(n.Right)
		}
	case ast.NodeTypeIsIn:
		switch {
		case !isResource(n.Left):
		case n.EntityType != "Object":
			return canBeFalse
		default:
			return e.within(n.Entity)
		}
	}
	return anything
}

func not(o outcomes) outcomes {
	turned := o & canFail
	if o&canBeTrue != 0 {
		turned |= canBeFalse
	}
	if o&canBeFalse != 0 {
		turned |= canBeTrue
	}
	return turned
}

// constant evaluates what is the same for every object.
func (e everyObject) constant(n ast.IsNode) outcomes {
	v, err := eval.Eval(n, e.env)
	b, ok := v.(types.Boolean)
	if err != nil || !ok {
		return canFail
	}
	return outcomeOf(bool(b))
}

// varies reports whether the value can differ from one object to another.
func (e everyObject) varies(n ast.IsNode) bool {
	found := false
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		switch n := n.(type) {
		case ast.NodeTypeVariable:
			found = found || n.Name == "resource"
		case ast.NodeTypeIs:
			return !isResource(n.Left)
		case ast.NodeTypeHas: // every object has the same attributes
			return !isResource(n.Arg)
		case ast.NodeTypeAccess:
			if isResource(n.Arg) {
				found = found || n.Value != "bucket" || e.resource.Bucket == ""
				return false
			}
		}
		return !found
	})
	return found
}

func isResource(n ast.IsNode) bool {
	v, ok := n.(ast.NodeTypeVariable)
	return ok && v.Name == "resource"
}

// text is what an attribute of the resource begins with.
func (e everyObject) text(n ast.IsNode) (prefix string, ok bool) {
	a, ok := n.(ast.NodeTypeAccess)
	switch {
	case !ok || !isResource(a.Arg):
		return "", false
	case a.Value == "key":
		return e.resource.Key, true
	case a.Value == "bucket":
		return "", true // of any name: otherwise it would not vary
	}
	return "", false
}

func (e everyObject) equals(left, right ast.IsNode) outcomes {
	if e.varies(right) {
		left, right = right, left
	}
	if e.varies(right) {
		return anything
	}
	value, err := eval.Eval(right, e.env)
	if err != nil {
		return canFail
	}
	if prefix, ok := e.text(left); ok {
		return canBegin(value, prefix)
	}
	if isResource(left) {
		return e.canBe(value)
	}
	return anything
}

// canBegin compares a text that begins with prefix with a value.
func canBegin(v types.Value, prefix string) outcomes {
	if text, ok := v.(types.String); ok && strings.HasPrefix(string(text), prefix) {
		return unknown
	}
	return canBeFalse
}

// canBe compares the resource with an entity.
func (e everyObject) canBe(v types.Value) outcomes {
	prefix := ""
	if e.resource.Bucket != "" {
		prefix = e.resource.Bucket + "/" + e.resource.Key
	}
	if id, ok := v.(types.EntityUID); ok && id.Type == "Object" && strings.HasPrefix(string(id.ID), prefix) {
		return unknown
	}
	return canBeFalse
}

func (e everyObject) contains(set, element ast.IsNode) outcomes {
	prefix, ok := e.text(element)
	if !ok || e.varies(set) {
		return anything
	}
	v, err := eval.Eval(set, e.env)
	all, ok := v.(types.Set)
	if err != nil || !ok {
		return canFail
	}
	found := canBeFalse
	for v := range all.All() {
		found |= canBegin(v, prefix)
	}
	return found
}

// within reports whether the resource is in an entity, or in one of a set of them.
func (e everyObject) within(n ast.IsNode) outcomes {
	if e.varies(n) {
		return anything
	}
	v, err := eval.Eval(n, e.env)
	if err != nil {
		return canFail
	}
	all, ok := v.(types.Set)
	if !ok {
		all = types.NewSet(v)
	}
	found := canBeFalse
	for v := range all.All() {
		id, ok := v.(types.EntityUID)
		switch {
		case !ok:
			return canFail
		case id == uid("Profile", e.resource.Profile), e.resource.Bucket != "" && id == uid("Bucket", e.resource.Bucket):
			return canBeTrue
		case id.Type == "Bucket" && e.resource.Bucket == "":
			found |= unknown
		case id.Type == "Object":
			found |= e.canBe(id)
		}
	}
	return found
}

// like matches a pattern with every text that begins with prefix.
func like(p types.Pattern, prefix string) outcomes {
	parts := patternParts(p)
	// The places in the pattern where a match of prefix can be.
	places := follow(parts, map[int]bool{0: true})
	for i := range len(prefix) {
		next := make(map[int]bool)
		for at := range places {
			if at < len(parts) && (parts[at].wildcard || parts[at].char == prefix[i]) {
				if parts[at].wildcard {
					next[at] = true
				} else {
					next[at+1] = true
				}
			}
		}
		places = follow(parts, next)
	}
	switch {
	case len(places) == 0:
		return canBeFalse
	case len(parts) > 0 && parts[len(parts)-1].wildcard && places[len(parts)-1]:
		return canBeTrue // whatever follows is in the last wildcard
	}
	return unknown
}

// follow adds the places behind wildcards, which can be empty.
func follow(parts []patternPart, places map[int]bool) map[int]bool {
	for at := range len(parts) {
		if places[at] && parts[at].wildcard {
			places[at+1] = true
		}
	}
	return places
}

// A patternPart is one byte of a pattern, or a wildcard.
type patternPart struct {
	wildcard bool
	char     byte
}

// patternParts reads a pattern in its JSON notation, the only one that package types
// shows whole.
func patternParts(p types.Pattern) []patternPart {
	text, err := p.MarshalJSON()
	var components []any
	if err == nil {
		err = json.Unmarshal(text, &components)
	}
	if err != nil {
		panic(fmt.Sprintf("policy: a pattern has no JSON: %s", err)) // it has: it was parsed
	}
	var parts []patternPart
	for _, c := range components {
		literal, ok := c.(map[string]any)
		if !ok {
			parts = append(parts, patternPart{wildcard: true})
			continue
		}
		text, _ := literal["Literal"].(string)
		for i := range len(text) {
			parts = append(parts, patternPart{char: text[i]})
		}
	}
	return parts
}

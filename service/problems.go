package service

// problem says what is wrong with a field and how to put it right. protovalidate's
// own words are good except for patterns, which only say which expression failed.
func problem(message, rule string) string {
	if rule == "string.pattern" {
		return "has characters or a form that are not allowed here; see the field's comment in the proto file"
	}
	if message == "" {
		return "breaks the rule " + rule
	}
	return message
}

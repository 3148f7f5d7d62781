package cosbackend

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func errorBodies() []string {
	return []string{
		errorXML("NoSuchKey", "The specified key does not exist."),
		"\xef\xbb\xbf  <Error><Code>A</Code></Error>",
		"<?xml version='1.0' encoding='GBK'?><Error><Code>A</Code><Message>\xd6\xd0</Message></Error>",
		"<Error><Code>SignatureDoesNotMatch</Code><StringToSign>sha1\nsecret</StringToSign><FormatString>x-cos-security-token=tok</FormatString><Message>m</Message></Error>",
		"<Error><Code>A</Code><Message>a\x00b&#1;c&#x0;&#xffff;&#99999999999;</Message></Error>",
		"<Error><Code>A</Code><Message>&undefined; & &#; &#x;</Message></Error>",
		"<Error><Message>cut",
		"<Error><Code>A</Code><Code>B</Code></Error>",
		"<Error><Code><b>A</b></Code><Nested><Message>not this</Message></Nested></Error>",
		"<Error/>", "<Error", "<", "", "{", `{"code":-46628,"message":"m","request_id":"r"}`, `{"code":"Text","RequestId":"r"}`, `{"code":{}}`, `{"code":1.5}`,
		"<html><body>x</body></html>", "plain text",
		"<Error><Message>" + strings.Repeat("<a>", 5000),
		"<Error><Message>" + strings.Repeat("腾", 5000) + "</Message></Error>",
		"<Error><Message>GET /k?q-sign-algorithm=sha1&amp;q-ak=AKID&amp;q-signature=deadbeef HTTP</Message></Error>",
	}
}

func TestErrorBodyIsReadTolerantly(t *testing.T) {
	t.Parallel()
	bodies := errorBodies()
	for i, want := range map[int]errorBody{
		1:  {Code: "A"},
		2:  {Code: "A", Message: "\uFFFD\uFFFD"},
		3:  {Code: "SignatureDoesNotMatch", Message: "m", StringToSign: "sha1 secret", FormatString: "x-cos-security-token=[redacted]"},
		4:  {Code: "A", Message: "a\uFFFDb\uFFFDc\uFFFD\uFFFD\uFFFD"},
		6:  {Message: "cut"},
		7:  {Code: "A"},
		8:  {},
		14: {Code: "-46628", Message: "m", RequestID: "r"},
		15: {Code: "Text", RequestID: "r"},
		18: {},
		19: {},
		22: {Message: "GET /k?q-sign-algorithm=sha1&q-ak=[redacted]&q-signature=[redacted] HTTP"},
	} {
		if got := parseErrorBody([]byte(bodies[i]), Credentials{}); got != want {
			t.Errorf("parseErrorBody(%.80q) = %+v, want %+v", bodies[i], got, want)
		}
	}
}

func FuzzErrorXML(f *testing.F) {
	for _, body := range errorBodies() {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxErrorBody {
			return // never read
		}
		body := parseErrorBody(data, testCredentials())
		for _, field := range []struct {
			text  string
			limit int
		}{
			{body.Code, maxCode}, {body.Message, maxMessage}, {body.Resource, maxResource}, {body.RequestID, maxID}, {body.TraceID, maxID},
		} {
			if len(field.text) > field.limit || !utf8.ValidString(field.text) || strings.ContainsAny(field.text, "\r\n\x00") {
				t.Fatalf("field %q: want valid UTF-8 without control characters, at most %d bytes", field.text, field.limit)
			}
		}
		if body.empty() != (body == errorBody{}) {
			t.Fatal("empty is wrong")
		}
	})
}

package cosbackend

import (
	"bytes"
	"errors"
)

const (
	// maxDocument bounds a document that is no list: those of COS are much smaller.
	maxDocument = 2 << 20
	// maxEntry is the most bytes of one entry of a list: its key has at most 850 bytes, or
	// 2550 as it is encoded.
	maxEntry       = 4 << 10
	maxBucketEntry = 512
	// maxDepth, maxTag and maxElementName bound what a document is made of.
	maxDepth       = 32
	maxTag         = 2 << 10
	maxElementName = 128
)

var (
	errTooManyElements = errors.New("the document has more elements than COS sends")
	errTooManyChildren = errors.New("an element has more elements inside than COS sends")
	errTooDeep         = errors.New("the elements are nested too deeply")
	errTagTooLong      = errors.New("a tag is too long")
	errTextTooLong     = errors.New("a text is too long")
	errDirective       = errors.New("the document has a directive, such as DOCTYPE")
	errPageTooLong     = errors.New("the page has more entries than were asked for")
)

// A documentBounds is how much of a document is read. A response that has more is malformed:
// an empty element of a few bytes would become a struct of hundreds.
type documentBounds struct {
	bytes    int
	elements int // comments and the like included
	children int // elements directly inside of one
	text     int // bytes of one text
}

// configurationBounds are those of all documents but lists. The largest has 1000 rules.
func configurationBounds() documentBounds {
	return documentBounds{bytes: maxDocument, elements: 64_000, children: 1_100, text: 256 << 10}
}

// pageBounds are those of a list of at most n entries of this size, and as many common
// prefixes.
func pageBounds(n, entry int) documentBounds {
	return documentBounds{bytes: 64<<10 + n*entry, elements: 1_000 + n*32, children: 32 + 2*n, text: 2 * maxEntry}
}

// A documentScan holds a document against its bounds while it arrives, so that nothing is
// read, and no struct made, beyond them. It finds what is markup as encoding/xml does.
type documentScan struct {
	documentBounds
	at    int // what is before was checked
	count int
	open  []int // how many elements are in each open element so far
}

// check checks data, which is the document as far as it arrived.
func (s *documentScan) check(data []byte) error {
	for {
		text := bytes.IndexByte(data[s.at:], '<')
		if text > s.text || text < 0 && len(data)-s.at > s.text {
			return errTextTooLong
		}
		if text < 0 {
			return nil
		}
		n, err := s.markup(data[s.at+text:])
		if err != nil || n == 0 {
			return err
		}
		s.at += text + n
	}
}

// markup returns the length of the markup that data begins with, 0 if its end has not
// arrived.
func (s *documentScan) markup(data []byte) (int, error) {
	if len(data) < 2 {
		return 0, nil
	}
	switch {
	case data[1] != '!' && data[1] != '?':
	case bytes.HasPrefix(data, []byte("<!--")):
		return s.until(data, len("<!--"), "-->")
	case bytes.HasPrefix(data, []byte("<![CDATA[")):
		return s.until(data, len("<![CDATA["), "]]>")
	case bytes.HasPrefix(data, []byte("<?")):
		return s.until(data, len("<?"), "?>")
	case bytes.HasPrefix(data, []byte("<!")):
		if len(data) < len("<![CDATA[") {
			return 0, nil
		}
		return 0, errDirective
	}
	n, err := tagLength(data)
	if n == 0 || err != nil {
		return n, err
	}
	if data[1] == '/' {
		s.open = s.open[:max(len(s.open)-1, 0)]
		return n, nil
	}
	return n, s.element(data[:n])
}

func (s *documentScan) until(data []byte, begin int, end string) (int, error) {
	i := bytes.Index(data[begin:], []byte(end))
	if i > s.text || i < 0 && len(data)-begin > s.text {
		return 0, errTextTooLong
	}
	if i < 0 {
		return 0, nil
	}
	if s.count++; s.count > s.elements {
		return 0, errTooManyElements
	}
	return begin + i + len(end), nil
}

func (s *documentScan) element(tag []byte) error {
	if len(tag) > maxElementName && bytes.IndexAny(tag, " \t\r\n/>") > maxElementName {
		return errTagTooLong
	}
	if s.count++; s.count > s.elements {
		return errTooManyElements
	}
	if last := len(s.open) - 1; last >= 0 {
		if s.open[last]++; s.open[last] > s.children {
			return errTooManyChildren
		}
	}
	if tag[len(tag)-2] == '/' {
		return nil
	}
	if s.open = append(s.open, 0); len(s.open) > maxDepth {
		return errTooDeep
	}
	return nil
}

// tagLength returns the length of the tag that data begins with, 0 if it has no end yet.
func tagLength(data []byte) (int, error) {
	if end := bytes.IndexByte(data[:min(len(data), maxTag)], '>'); end >= 0 && !bytes.ContainsAny(data[:end], `"'`) {
		return end + 1, nil
	}
	var quote byte // an attribute may have a > in it
	for i, c := range data[:min(len(data), maxTag)] {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1, nil
		}
	}
	if len(data) >= maxTag {
		return 0, errTagTooLong
	}
	return 0, nil
}

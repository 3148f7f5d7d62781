package embedded

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
)

const (
	maxDeleteXML  = 2 << 20
	maxDeleteKeys = 1000
)

// A deleteRequest is the body of DELETE Multiple Objects.
type deleteRequest struct {
	quiet bool
	keys  []string
}

// deleteObjects deletes up to 1,000 keys in one transaction. A key that is
// absent counts as deleted; a key that no object can have is reported.
func (s *Server) deleteObjects(x *exchange) error {
	text, err := x.readXMLBody(maxDeleteXML)
	if err != nil {
		return err
	}
	req, err := parseDelete(text)
	if err != nil {
		return err
	}
	var valid []string
	refused := make(map[string]*apiError)
	for _, key := range req.keys {
		if e, ok := errors.AsType[*apiError](checkKey(key)); ok {
			refused[key] = e
			continue
		}
		valid = append(valid, key)
	}
	if err := s.store.DeleteMany(x.ctx(), x.bucket, valid); err != nil {
		return err
	}
	x.sendXML(http.StatusOK, req.result(refused))
	return nil
}

func (d deleteRequest) result(refused map[string]*apiError) *xmlWriter {
	doc := newXML()
	doc.open("DeleteResult")
	for _, key := range d.keys {
		e := refused[key]
		switch {
		case e != nil:
			doc.open("Error")
			doc.text("Key", key)
			doc.text("Code", e.row().code)
			doc.text("Message", e.text())
			doc.close("Error")
		case !d.quiet:
			doc.open("Deleted")
			doc.text("Key", key)
			doc.close("Deleted")
		}
	}
	doc.close("DeleteResult")
	return doc
}

// parseDelete reads <Delete>. An element it does not know is refused: ignoring
// it could delete something else than was meant.
func parseDelete(text []byte) (deleteRequest, error) {
	p := &deleteParser{dec: xml.NewDecoder(bytes.NewReader(text))} //nolint:gosec // tokens only, of at most 2 MiB
	if err := p.document(); err != nil {
		if isAPIError(err) {
			return deleteRequest{}, err
		}
		return deleteRequest{}, fail(malformedXML, "")
	}
	if len(p.req.keys) == 0 {
		return deleteRequest{}, fail(malformedXML, "The list of objects is empty.")
	}
	return p.req, nil
}

type deleteParser struct {
	dec *xml.Decoder
	req deleteRequest
}

var (
	errElement = errors.New("an element is out of place")
	errText    = errors.New("text is out of place")
)

func (p *deleteParser) document() error {
	root, err := p.child()
	if err != nil {
		return err
	}
	if root != "Delete" {
		return errElement
	}
	err = p.children(func(name string) error {
		switch name {
		case "Quiet":
			return p.readQuiet()
		case "Object":
			return p.readObject()
		default:
			return errElement
		}
	})
	if err != nil {
		return err
	}
	if name, err := p.child(); !errors.Is(err, io.EOF) || name != "" {
		return errElement
	}
	return nil
}

// child moves to the next start element at this depth. It returns "" at the end
// of the parent, and io.EOF at the end of the document.
func (p *deleteParser) child() (string, error) {
	for {
		tok, err := p.dec.Token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return t.Name.Local, nil
		case xml.EndElement:
			return "", nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return "", errText
			}
		case xml.Directive:
			return "", errElement // no DTDs
		}
	}
}

func (p *deleteParser) children(read func(name string) error) error {
	for {
		name, err := p.child()
		if err != nil || name == "" {
			return err
		}
		if err := read(name); err != nil {
			return err
		}
	}
}

// content is the text of an element without children.
func (p *deleteParser) content() (string, error) {
	var text strings.Builder
	for {
		tok, err := p.dec.Token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return text.String(), nil
		case xml.StartElement, xml.Directive:
			return "", errElement
		}
	}
}

func (p *deleteParser) readQuiet() error {
	text, err := p.content()
	if err != nil {
		return err
	}
	switch strings.TrimSpace(text) {
	case "true":
		p.req.quiet = true
	case "false":
		p.req.quiet = false
	default:
		return errText
	}
	return nil
}

func (p *deleteParser) readObject() error {
	key := ""
	err := p.children(func(name string) error {
		text, err := p.content()
		switch {
		case err != nil:
			return err
		case name == "Key" && key == "" && text != "":
			key = text
		case name == "VersionId" && strings.TrimSpace(text) == "":
		case name == "VersionId":
			return unsupported("VersionId in " + opDeleteObjects)
		default:
			return errElement
		}
		return nil
	})
	if err != nil {
		return err
	}
	if key == "" {
		return errElement
	}
	if p.req.keys = append(p.req.keys, key); len(p.req.keys) > maxDeleteKeys {
		return fail(malformedXML, "delete key size is greater than 1000")
	}
	return nil
}

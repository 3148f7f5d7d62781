package embedded

import (
	"errors"
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
	text, err := x.readXMLBody(maxDeleteXML, true)
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
		verdict, err := x.policyVerdict(x.ctx(), opDeleteObject, key)
		if err != nil {
			return err
		}
		if verdict >= policyDenies {
			refused[key] = denied(verdict)
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
	var req deleteRequest
	err := readXML(text, "Delete", func(r *xmlReader, name string) error {
		switch name {
		case "Quiet":
			return req.readQuiet(r)
		case "Object":
			return req.readObject(r)
		default:
			return errElement
		}
	})
	if err != nil {
		return deleteRequest{}, err
	}
	if len(req.keys) == 0 {
		return deleteRequest{}, fail(malformedXML, "The list of objects is empty.")
	}
	return req, nil
}

func (d *deleteRequest) readQuiet(r *xmlReader) error {
	text, err := r.content()
	if err != nil {
		return err
	}
	switch strings.TrimSpace(text) {
	case "true":
		d.quiet = true
	case "false":
		d.quiet = false
	default:
		return errText
	}
	return nil
}

func (d *deleteRequest) readObject(r *xmlReader) error {
	key := ""
	err := r.children(func(name string) error {
		text, err := r.content()
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
	if d.keys = append(d.keys, key); len(d.keys) > maxDeleteKeys {
		return fail(malformedXML, "delete key size is greater than 1000")
	}
	return nil
}

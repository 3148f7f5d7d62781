package embedded

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	maxDeleteXML  = 2 << 20
	maxDeleteKeys = 1000
)

// A deleteRequest is the body of DELETE Multiple Objects.
type deleteRequest struct {
	quiet   bool
	targets []store.DeleteTarget
}

// A deleteOutcome is the result for one target.
type deleteOutcome struct {
	removal store.DeleteResult
	refused *apiError // nil when it was deleted
}

// deleteObjects deletes up to 1,000 keys and versions in one transaction. One that
// is absent counts as deleted; a key that no object can have is reported.
func (s *Server) deleteObjects(x *exchange) error {
	text, err := x.readXMLBody(maxDeleteXML, true)
	if err != nil {
		return err
	}
	req, err := parseDelete(text)
	if err != nil {
		return err
	}
	outcomes := make([]deleteOutcome, len(req.targets))
	var valid []store.DeleteTarget
	var places []int
	for i, t := range req.targets {
		if e, ok := errors.AsType[*apiError](checkKey(t.Key)); ok {
			outcomes[i].refused = e
			continue
		}
		if e, ok := errors.AsType[*apiError](x.permitDeletion(t)); ok {
			outcomes[i].refused = e
			continue
		}
		decision, err := x.policyDecision(x.ctx(), opDeleteObject, t.Key)
		if err != nil {
			return err
		}
		if decision >= policyDenies {
			outcomes[i].refused = denied(decision)
			continue
		}
		valid, places = append(valid, t), append(places, i)
	}
	removals, err := s.store.Remove(x.ctx(), x.bucket, valid)
	if err != nil {
		return err
	}
	for i, r := range removals {
		outcomes[places[i]].removal = r
		if r.Refused != nil {
			outcomes[places[i]].refused = x.toAPIError(r.Refused)
		}
	}
	x.sendXML(http.StatusOK, req.result(outcomes))
	return nil
}

// permitDeletion refuses a target that the caller's session may not delete this way.
func (x *exchange) permitDeletion(t store.DeleteTarget) error {
	direct := *x
	direct.params = nil
	if t.VersionID != "" {
		direct.params = params{{name: paramVersion, lower: paramVersion, value: t.VersionID}}
	}
	return direct.permitBySession(opDeleteObjects, t.Key)
}

func (d deleteRequest) result(outcomes []deleteOutcome) *xmlWriter {
	doc := newBareXML()
	doc.open("DeleteResult")
	for i, t := range d.targets {
		switch e := outcomes[i].refused; {
		case e != nil:
			doc.open("Error")
			doc.text("Key", t.Key)
			if t.VersionID != "" {
				doc.text("VersionId", t.VersionID)
			}
			doc.text("Code", e.row().code)
			doc.text("Message", e.text())
			doc.close("Error")
		case !d.quiet:
			deleted(doc, t, outcomes[i].removal)
		}
	}
	doc.close("DeleteResult")
	return doc
}

// deleted writes what was deleted: a version, or an object that a delete marker now
// hides.
func deleted(doc *xmlWriter, t store.DeleteTarget, r store.DeleteResult) {
	doc.open("Deleted")
	doc.text("Key", t.Key)
	if r.Marker {
		doc.text("DeleteMarker", "true")
		doc.text("DeleteMarkerVersionId", r.VersionID)
	}
	if t.VersionID != "" {
		doc.text("VersionId", t.VersionID)
	}
	doc.close("Deleted")
}

func deleteShape() shape {
	return branch(
		"Delete",
		leaf("Quiet", boolean()).optional(),
		branch("Object", leaf("Key", values{has: notEmpty().has, are: notEmpty().are, raw: true}).once(), text("VersionId").optional()).oneOrMore(),
	)
}

// parseDelete reads <Delete>. An unknown element is refused: ignoring it could delete
// something else than was meant.
func parseDelete(text []byte) (deleteRequest, error) {
	doc, err := parseDocument(text, deleteShape())
	if err != nil {
		return deleteRequest{}, err
	}
	objects := doc.all("Object")
	if len(objects) > maxDeleteKeys {
		return deleteRequest{}, fail(malformedXML, "delete key size is greater than 1000")
	}
	req := deleteRequest{quiet: doc.isTrue("Quiet")}
	for _, n := range objects {
		req.targets = append(req.targets, store.DeleteTarget{Key: n.value("Key"), VersionID: strings.TrimSpace(n.value("VersionId"))})
	}
	return req, nil
}

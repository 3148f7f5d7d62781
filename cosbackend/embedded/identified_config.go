package embedded

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

// An identifiedConfiguration is a configuration that a bucket has several of, by id. They are
// stored only.
type identifiedConfiguration struct {
	sub, noun string
	shape     shape
	absent    failure
	empty     func(x *exchange)
	check     func(doc *node) error
	max       int
	full      failure // one more than max
}

func identifiedRoutes() []route {
	var rs []route
	for _, d := range []identifiedConfiguration{inventories(), tierings()} {
		add := func(method, operation string, handle func(*Server, *exchange) error, params ...string) {
			rs = append(rs, route{
				method: method, target: onBucketItself, sub: d.sub, operation: operation + d.noun, access: ownerOnly, params: params,
				storedOnly: true, handle: handle,
			})
		}
		add(http.MethodGet, "Get", d.get, "id", "continuation-token")
		add(http.MethodPut, "Put", d.put, "id")
		add(http.MethodDelete, "Delete", d.remove, "id")
	}
	return append(rs, route{
		method: http.MethodPost, target: onBucketItself, sub: "inventory", operation: "PostBucketInventory", access: ownerOnly,
		params: []string{"id"}, storedOnly: true, handle: (*Server).postInventory,
	})
}

// maxConfigID bounds the id of a configuration (E076).
const maxConfigID = 128

// requestedID is the id that a request is about (E076).
func (x *exchange) requestedID() (string, error) {
	id, _ := x.params.get("id")
	if id == "" || len(id) > maxConfigID || strings.ContainsFunc(id, func(c rune) bool { return !idRune(c) }) {
		return "", fail(invalidArgument, "id must have 1 to 128 letters, digits and any of - _ . in it.")
	}
	return id, nil
}

func idRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}

// get responds with one document, or with a page of all of them when there is no id.
func (d identifiedConfiguration) get(s *Server, x *exchange) error {
	if _, one := x.params.get("id"); !one {
		return d.list(s, x)
	}
	id, err := x.requestedID()
	if err != nil {
		return err
	}
	document, err := s.store.Config(x.ctx(), x.config(d.sub, id))
	switch {
	case errors.Is(err, store.ErrNoSuchConfig) && d.empty != nil:
		d.empty(x)
		return nil
	case errors.Is(err, store.ErrNoSuchConfig):
		return fail(d.absent, "")
	case err != nil:
		return err
	}
	x.sendDocument(document)
	return nil
}

func (d identifiedConfiguration) list(s *Server, x *exchange) error {
	token, _ := x.params.get("continuation-token")
	after, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return fail(invalidArgument, "The continuation-token is not one that this server gave out.")
	}
	limit, root := inventoriesPage, "ListInventoryConfigurationResult"
	if d.sub == "intelligent-tiering" { // a list without pages
		limit, root = maxInventories, "ListBucketIntelligentTieringConfigurationsOutput"
	}
	page, more, serr := s.store.Configs(x.ctx(), x.bucket, d.sub, string(after), limit)
	if serr != nil {
		return serr
	}
	doc := x.newConfigXML()
	doc.open(root)
	if limit != inventoriesPage {
		doc.truncated(false)
	}
	for _, c := range page {
		doc.buf = append(doc.buf, c.Document...)
	}
	if limit == inventoriesPage {
		doc.truncated(more)
		if token != "" {
			doc.text("ContinuationToken", token)
		}
		if more {
			doc.text("NextContinuationToken", base64.RawURLEncoding.EncodeToString([]byte(page[len(page)-1].ID)))
		}
	}
	doc.close(root)
	x.sendXML(http.StatusOK, doc)
	return nil
}

// read reads the id and the document of a PUT or POST, which must agree.
func (d identifiedConfiguration) read(x *exchange) (id string, doc *node, err error) {
	if id, err = x.requestedID(); err != nil {
		return "", nil, err
	}
	text, err := x.readXMLBody(maxConfigXML, false)
	if err != nil {
		return "", nil, err
	}
	if doc, err = x.parseConfiguration(text, d.shape); err != nil {
		return "", nil, err
	}
	if doc.value("Id") != id {
		return "", nil, fail(invalidArgument, "The Id of the document is not the id of the request.")
	}
	return id, doc, d.check(doc)
}

func (d identifiedConfiguration) put(s *Server, x *exchange) error {
	id, doc, err := d.read(x)
	if err != nil {
		return err
	}
	err = s.putConfig(x, x.config(d.sub, id), doc.canonical(), store.PutConfigOptions{Max: d.max})
	if errors.Is(err, store.ErrTooManyConfigs) {
		return fail(d.full, "The bucket has 1000 of these already.")
	}
	if err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

func (d identifiedConfiguration) remove(s *Server, x *exchange) error {
	id, err := x.requestedID()
	if err != nil {
		return err
	}
	if err := s.deleteConfig(x, x.config(d.sub, id)); err != nil {
		return err
	}
	x.sendEmpty(http.StatusNoContent)
	return nil
}

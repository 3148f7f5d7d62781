package embedded

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

const (
	// maxFormFields bounds what stands before the file of a form, names and values
	// together (E100).
	maxFormFields = 64 << 10
	// formBuffer is how much of a form is read ahead.
	formBuffer = 64 << 10
	// maxFormAhead bounds what is read of a form outside of its file: the fields, the
	// headers of its parts, and what is read ahead of the file.
	maxFormAhead = maxFormFields + 2*formBuffer

	formFile = "file"
)

// A formField is one field before the file.
type formField struct{ name, value string }

// A form is a multipart/form-data body, read as far as its file (E101).
type form struct {
	parts  *multipart.Reader
	budget *budgetReader
	fields map[string]formField // by name in lower case
	size   int
	file   *multipart.Part
}

// openForm reads the fields of a request's form, and stops where the file begins.
func (x *exchange) openForm() (*form, error) {
	kind, params, err := mime.ParseMediaType(x.header("Content-Type"))
	if kind != "multipart/form-data" {
		return nil, fail(requestIsNotMultipart, "")
	}
	if err != nil || params["boundary"] == "" {
		return nil, fail(malformedPOSTRequest, "")
	}
	f := &form{budget: &budgetReader{r: x.body(), left: maxFormAhead}, fields: make(map[string]formField)}
	f.parts = multipart.NewReader(bufio.NewReaderSize(f.budget, formBuffer), params["boundary"])
	for {
		part, err := f.parts.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && len(f.fields) > 0:
			return nil, fail(incorrectNumberOfFiles, "")
		case err != nil: // also the end of a body that is no form at all
			return nil, formError(err)
		case strings.EqualFold(part.FormName(), formFile):
			f.file = part
			f.budget.lift()
			return f, nil
		}
		if err := f.take(part); err != nil {
			return nil, err
		}
	}
}

// take keeps a field. No name may come twice: nobody could say which one counts.
func (f *form) take(part *multipart.Part) error {
	name := part.FormName()
	value, err := io.ReadAll(part)
	if err != nil {
		return formError(err)
	}
	if f.size += len(name) + len(value); f.size > maxFormFields {
		return fail(maxPostPreDataLength, "")
	}
	lower := strings.ToLower(name)
	if _, twice := f.fields[lower]; twice || name == "" {
		return fail(malformedPOSTRequest, "The form has a field without a name, or the field "+name+" twice.")
	}
	f.fields[lower] = formField{name, string(value)}
	return nil
}

// value returns a field; "" when it is absent.
func (f *form) value(lower string) string { return f.fields[lower].value }

// filename is the name of the file on the user's machine, without folders of either
// kind.
func (f *form) filename() string {
	name := f.file.FileName()
	return name[strings.LastIndexByte(name, '\\')+1:]
}

// end checks that nothing follows the file (E102).
func (f *form) end() error {
	f.budget.limit(maxFormAhead)
	part, err := f.parts.NextRawPart()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return formError(err)
	case strings.EqualFold(part.FormName(), formFile):
		return fail(incorrectNumberOfFiles, "")
	default:
		return fail(malformedPOSTRequest, "The field "+part.FormName()+" comes after the file, which must be the last field.")
	}
}

// formError is the error of a body that was read as a form: what went wrong with the
// body, or else with the form.
func formError(err error) error {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	return fail(malformedPOSTRequest, "")
}

// A budgetReader reads at most so many bytes, until its limit is lifted.
type budgetReader struct {
	r         io.Reader
	left      int
	unlimited bool
}

func (b *budgetReader) lift() { b.unlimited = true }

func (b *budgetReader) limit(n int) { b.left, b.unlimited = n, false }

// Read reads. Beyond the budget the form's fields are too long.
func (b *budgetReader) Read(p []byte) (int, error) {
	if b.unlimited {
		return b.r.Read(p)
	}
	if b.left <= 0 {
		return 0, fail(maxPostPreDataLength, "")
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

package service

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// Outcomes that many operations share.

// retried are those of a request that is sent again from memory: what passes is never
// seen, what stays is told, and a later call may do better.
func retried() map[string]cell {
	return map[string]cell{
		"reset":                  {fine, unreachable},
		"no response":            {fine, unreachable},
		"500":                    {fine, failed},
		"503":                    {fine, slow},
		"503 before the content": {fine, slow},
		"error inside 200":       {fine, failed},
		"lost response":          {fine, unreachable},
		"no checksum":            {fine, fine}, // nothing to compare with
		"wrong checksum":         {fine, damaged},
	}
}

// streamed are those of a request whose content is gone once it was sent: it is sent
// again only as long as COS did not ask for the content.
func streamed() map[string]cell {
	return map[string]cell{
		"reset":                  {fine, unreachable},
		"no response":            {unreachable, unreachable}, // COS takes no content for a minute
		"500":                    {failed, failed},
		"503":                    {slow, slow},
		"503 before the content": {fine, slow},
		"error inside 200":       {failed, failed},
		"lost response":          {unreachable, unreachable}, // the caller may send it again
		"no checksum":            {fine, fine},
		"wrong checksum":         {damaged, damaged},
	}
}

// completed are those of CompleteMultipartUpload: lists of parts and a HEAD tell what
// became of it, so that only what never happens fails.
func completed() map[string]cell {
	return with(retried(), map[string]cell{
		"reset":                {fine, unknown},
		"no response":          {fine, unknown},
		"lost response":        {fine, fine},
		"stall at 0":           {fine, fine},
		"stall in the middle":  {fine, fine},
		"cut at 0":             {fine, fine},
		"cut at 1":             {fine, fine},
		"cut in the middle":    {fine, fine},
		"cut at the last byte": {fine, fine},
		"corrupt byte":         {fine, fine},
		"wrong checksum":       {damaged, damaged}, // the object is there, and not sent again
	})
}

// copied are those of copies inside COS. What COS copied has the checksum it says; no
// other is known here.
func copied() map[string]cell {
	return with(retried(), map[string]cell{
		"stall at 0":           {fine, unreachable},
		"stall in the middle":  {fine, unreachable},
		"cut at 0":             {fine, unreachable},
		"cut at 1":             {fine, unreachable},
		"cut in the middle":    {fine, unreachable},
		"cut at the last byte": {fine, unreachable},
		"corrupt byte":         {unreadable, unreadable},
		"wrong checksum":       {fine, fine},
	})
}

// initiated are those of the beginning of an upload in parts. Nobody else knows the
// upload, so it is begun again, and what a lost response left is aborted: no cell leaves
// an upload behind.
func initiated() map[string]cell { return copied() }

// appended are those of an append: a HEAD tells what became of it.
func appended() map[string]cell {
	return with(retried(), map[string]cell{
		"reset":          {fine, unknown},
		"no response":    {fine, unknown},
		"lost response":  {fine, fine},
		"wrong checksum": {damaged, damaged}, // the content is there, and not sent again
	})
}

// read are those of a download, which goes on where it broke.
func read() map[string]cell {
	return with(retried(), map[string]cell{
		"stall at 0":           {fine, unreachable},
		"stall in the middle":  {fine, fine},
		"cut at 0":             {fine, unreachable},
		"cut at 1":             {fine, unreachable},
		"cut in the middle":    {fine, fine},
		"cut at the last byte": {fine, fine},
		"corrupt byte":         {damaged, damaged}, // the caller has the bytes already
		"wrong checksum":       {damaged, damaged},
	})
}

func with(cells, others map[string]cell) map[string]cell {
	maps.Copy(cells, others)
	return cells
}

func matrixRows() []matrixRow {
	old := noise(20_000)
	kept, large, inParts := noise(100_000), noise(maxBufferedSize+1), noise(3*partSize-1)
	putOld := func(t *testing.T, m *matrix) { t.Helper(); m.put(t, "k", old) }
	object := matrixRow{prepare: putOld, look: lookAt("k"), before: old}
	rows := append(putRows(object, kept, noise(maxBufferedSize), large, inParts), appendRows(old, kept, large)...)
	rows = append(rows, partRows(old, kept, large)...)
	return append(rows, matrixRow{
		name: "GetObject", struck: "GetObject", cells: read(),
		prepare: func(t *testing.T, m *matrix) { t.Helper(); m.put(t, "k", kept) },
		call: func(ctx context.Context, m *matrix) error {
			got, ms, err := m.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: "k"})
			if err == nil && (!bytes.Equal(got, kept) || ms[len(ms)-1].GetSummary().GetCrc64Ecma() != ecma(kept)) {
				return errors.New("other content came")
			}
			return err
		},
		look: lookAt("k"), before: kept, after: kept,
	})
}

// putRows are those of PutObject, in one request and in parts.
func putRows(object matrixRow, kept, most, large, inParts []byte) []matrixRow {
	row := func(name, struck string, nth int, s *cosgatev1.PutObjectSpec, data []byte, cells map[string]cell) matrixRow {
		r := object
		r.name, r.struck, r.nth, r.after, r.cells = name, struck, nth, data, cells
		r.call = func(ctx context.Context, m *matrix) error {
			resp, err := m.send(ctx, chunks(s, data, 64<<10)...)
			if err == nil && (resp.GetObject().GetCrc64Ecma() != ecma(data) || resp.GetObject().GetEtag() == "") {
				return errors.New("the response is about another object")
			}
			return err
		}
		return r
	}
	initiate := row("PutObject in parts, initiate", "InitiateMultipartUpload", 0, spec(-1), inParts, initiated())
	complete := row("PutObject in parts, complete", "CompleteMultipartUpload", 0, spec(-1), inParts, completed())
	return []matrixRow{
		row("PutObject, kept", "PutObject", 0, spec(int64(len(kept))), kept, retried()),
		row("PutObject, kept, more than a connection holds", "PutObject", 0, spec(int64(len(most))), most, with(retried(), map[string]cell{
			"no response": {fine, unreachable}, // COS takes no content for a minute
		})),
		row("PutObject, kept, of no declared size", "PutObject", 0, spec(-1), kept[:partSize-1], retried()),
		row("PutObject, streamed", "PutObject", 0, spec(int64(len(large))), large, streamed()),
		initiate,
		row("PutObject in parts, part", "UploadPart", 2, spec(-1), inParts, retried()),
		complete,
	}
}

// lookAt reads an object; nil when there is none.
func lookAt(key string) func(t *testing.T, m *matrix) []byte {
	return func(t *testing.T, m *matrix) []byte {
		t.Helper()
		got, _, err := m.get(t.Context(), &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key})
		if err != nil && status.Code(err) != codes.NotFound {
			t.Fatal(err)
		}
		return got
	}
}

// appendRows are those of AppendObject.
func appendRows(old, kept, large []byte) []matrixRow {
	row := func(name string, before, data []byte, base *uint64, cells map[string]cell) matrixRow {
		return matrixRow{
			name: name, struck: "AppendObject", cells: cells,
			prepare: func(t *testing.T, m *matrix) {
				t.Helper()
				if _, err := m.objects.DeleteObject(t.Context(), &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: "log"}); err != nil {
					t.Fatal(err)
				}
				if before == nil {
					return
				}
				if _, err := m.append(t.Context(), 0, string(before), nil); err != nil {
					t.Fatal(err)
				}
			},
			call: func(ctx context.Context, m *matrix) error {
				return m.appendInPieces(ctx, int64(len(before)), data, base)
			},
			look: lookAt("log"), before: before, after: append(bytes.Clone(before), data...),
		}
	}
	base := ecma(old)
	return []matrixRow{
		row("AppendObject, kept, new object", nil, kept, nil, appended()),
		row("AppendObject, kept", old, kept, &base, appended()),
		row("AppendObject, kept, of unknown base", old, kept, nil, with(appended(), map[string]cell{
			"wrong checksum": {fine, fine}, // it is of the whole object, which is not known
		})),
		row("AppendObject, streamed", old, large, &base, with(streamed(), map[string]cell{
			"lost response": {fine, fine},
		})),
	}
}

// appendInPieces appends data in messages of 64 KiB.
func (g *gateway) appendInPieces(ctx context.Context, position int64, data []byte, base *uint64) error {
	stream, err := g.objects.AppendObject(ctx)
	if err != nil {
		return err
	}
	for _, p := range chunks(nil, data, 64<<10) {
		m := &cosgatev1.AppendObjectRequest{Chunk: p.GetChunk(), Finish: p.GetFinish()}
		if p.GetChunk() == nil && !p.GetFinish() {
			m.Spec = &cosgatev1.AppendObjectSpec{Bucket: testBucket, Key: "log", Position: position, Size: new(int64(len(data))), BaseCrc64Ecma: base}
		}
		if err := stream.Send(m); err != nil {
			break // the response is in CloseAndRecv
		}
	}
	resp, err := stream.CloseAndRecv()
	if err == nil && resp.GetNextPosition() != position+int64(len(data)) {
		return errors.New("the response is about another end")
	}
	return err
}

// uploadPart sends one part of "big" in messages of 64 KiB.
func (g *gateway) uploadPart(ctx context.Context, id string, number int32, data []byte) (*cosgatev1.Part, error) {
	return g.uploadPartOf(ctx, "big", id, number, data)
}

func (g *gateway) uploadPartOf(ctx context.Context, key, id string, number int32, data []byte) (*cosgatev1.Part, error) {
	stream, err := g.uploads.UploadPart(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range chunks(nil, data, 64<<10) {
		m := &cosgatev1.UploadPartRequest{Chunk: p.GetChunk(), Finish: p.GetFinish()}
		if p.GetChunk() == nil && !p.GetFinish() {
			m.Spec = &cosgatev1.UploadPartSpec{Bucket: testBucket, Key: key, UploadId: id, PartNumber: number, Size: new(int64(len(data)))}
		}
		if err := stream.Send(m); err != nil {
			break // the response is in CloseAndRecv
		}
	}
	resp, err := stream.CloseAndRecv()
	return resp.GetPart(), err
}

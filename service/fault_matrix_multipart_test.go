package service

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"testing"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// partRows are those of MultipartService and of copies.
func partRows(old, kept, large []byte) []matrixRow {
	part := func(name string, data []byte, cells map[string]cell) matrixRow {
		return partRow(name, "UploadPart", old, data, cells, func(ctx context.Context, m *matrix) error {
			sent, err := m.uploadPart(ctx, m.upload, 1, data)
			if err == nil && (sent.GetEtag() == "" || sent.GetSize() != int64(len(data))) {
				return errors.New("the response is about another part")
			}
			return err
		})
	}
	source := &cosgatev1.CopySource{Bucket: testBucket, Key: "source"}
	small := kept[:partSize/2] // what one request may copy
	rows := []matrixRow{
		part("UploadPart, kept", kept, retried()),
		part("UploadPart, streamed", large, streamed()),
		withSource(small, partRow("UploadPartCopy", "UploadPartCopy", old, small, copied(), func(ctx context.Context, m *matrix) error {
			_, err := m.uploads.UploadPartCopy(ctx, &cosgatev1.UploadPartCopyRequest{
				Bucket: testBucket, Key: "big", UploadId: m.upload, PartNumber: 1, Source: source,
			})
			return err
		})),
		completeRow(old, kept),
		withSource(small, matrixRow{
			name: "CopyObject", struck: "CopyObject", cells: copied(), before: old, after: small, look: lookAt("k"),
			prepare: func(t *testing.T, m *matrix) { t.Helper(); m.put(t, "k", old) },
			call:    func(ctx context.Context, m *matrix) error { return m.copy(ctx) },
		}),
		copyPartsRow("CopyObject in parts, initiate", "InitiateMultipartUpload", old, kept, initiated()),
		copyPartsRow("CopyObject in parts, part", "UploadPartCopy", old, kept, copied()),
		copyPartsRow("CopyObject in parts, complete", "CompleteMultipartUpload", old, kept, completed()),
	}
	return rows
}

// copyPartsRow is a copy of an object that is too large for one request.
func copyPartsRow(name, struck string, old, data []byte, cells map[string]cell) matrixRow {
	return withSource(data, matrixRow{
		name: name, struck: struck, nth: 1, cells: cells, before: old, after: data, look: lookAt("k"),
		prepare: func(t *testing.T, m *matrix) { t.Helper(); m.put(t, "k", old) },
		call:    func(ctx context.Context, m *matrix) error { return m.copy(ctx) },
	})
}

func (m *matrix) copy(ctx context.Context) error {
	done, err := m.objects.CopyObject(ctx, &cosgatev1.CopyObjectRequest{
		Bucket: testBucket, Key: "k", Source: &cosgatev1.CopySource{Bucket: testBucket, Key: "source"},
	})
	if err == nil && done.GetObject().GetEtag() == "" {
		return errors.New("the response is about no object")
	}
	return err
}

// partRow is an operation that replaces the one part of an upload. What is there after
// it shows when the upload is completed.
func partRow(name, struck string, before, after []byte, cells map[string]cell, call func(context.Context, *matrix) error) matrixRow {
	return matrixRow{
		name: name, struck: struck, cells: cells, before: before, after: after, call: call,
		prepare: func(t *testing.T, m *matrix) { t.Helper(); m.begin(t); m.part(t, m.upload, 1, before) },
		look: func(t *testing.T, m *matrix) []byte {
			t.Helper()
			if err := m.complete(t.Context(), m.listParts(t), nil); err != nil {
				t.Fatal(err)
			}
			return lookAt("big")(t, m)
		},
	}
}

// withSource puts the source of a copy there first.
func withSource(source []byte, row matrixRow) matrixRow {
	prepare := row.prepare
	row.prepare = func(t *testing.T, m *matrix) {
		t.Helper()
		if _, err := m.send(t.Context(), chunks(sourceSpec(), source, 1<<20)...); err != nil {
			t.Fatal(err)
		}
		prepare(t, m)
	}
	return row
}

func sourceSpec() *cosgatev1.PutObjectSpec {
	s := spec(-1)
	s.Key = "source"
	return s
}

// completeRow is CompleteMultipartUpload. An upload that was not completed is still
// there afterwards, with its parts, for the caller to decide upon.
func completeRow(old, data []byte) matrixRow {
	half := len(data) / 2
	return matrixRow{
		name: "CompleteMultipartUpload", struck: "CompleteMultipartUpload", cells: completed(), before: old, after: data,
		prepare: func(t *testing.T, m *matrix) {
			t.Helper()
			m.put(t, "big", old)
			m.begin(t)
			m.part(t, m.upload, 1, data[:half])
			m.part(t, m.upload, 2, data[half:])
		},
		call: func(ctx context.Context, m *matrix) error {
			parts := []*cosgatev1.CompletedPart{{PartNumber: 1, Etag: etag(data[:half])}, {PartNumber: 2, Etag: etag(data[half:])}}
			crc := ecma(data)
			return m.complete(ctx, parts, &crc)
		},
		look: func(t *testing.T, m *matrix) []byte {
			t.Helper()
			got := lookAt("big")(t, m)
			if string(got) == string(old) && len(m.listParts(t)) != 2 {
				t.Errorf("neither the object nor the parts are there")
			}
			m.drop(t, "big", m.upload)
			return got
		},
	}
}

// begin begins the upload a row works on.
func (m *matrix) begin(t *testing.T) {
	t.Helper()
	begun, err := m.uploads.InitiateMultipartUpload(t.Context(), &cosgatev1.InitiateMultipartUploadRequest{Bucket: testBucket, Key: "big"})
	if err != nil {
		t.Fatal(err)
	}
	m.upload = begun.GetUploadId()
}

func (m *matrix) listParts(t *testing.T) []*cosgatev1.CompletedPart {
	t.Helper()
	page, err := m.uploads.ListParts(t.Context(), &cosgatev1.ListPartsRequest{Bucket: testBucket, Key: "big", UploadId: m.upload})
	if err != nil {
		t.Fatal(err)
	}
	var parts []*cosgatev1.CompletedPart
	for _, p := range page.GetParts() {
		parts = append(parts, &cosgatev1.CompletedPart{PartNumber: p.GetPartNumber(), Etag: p.GetEtag()})
	}
	return parts
}

func (m *matrix) complete(ctx context.Context, parts []*cosgatev1.CompletedPart, crc *uint64) error {
	done, err := m.uploads.CompleteMultipartUpload(ctx, &cosgatev1.CompleteMultipartUploadRequest{
		Bucket: testBucket, Key: "big", UploadId: m.upload, Parts: parts, Crc64Ecma: crc,
	})
	if err == nil && crc != nil && done.GetObject().GetCrc64Ecma() != *crc {
		return errors.New("the response is about another object")
	}
	return err
}

// etag is the ETag of a part.
func etag(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

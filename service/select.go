package service

import (
	"io"

	"google.golang.org/grpc"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

func (s *objectServer) SelectObjectContent(req *cosgatev1.SelectObjectContentRequest, stream grpc.ServerStreamingServer[cosgatev1.SelectObjectContentResponse]) error {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return err
	}
	selection, err := client.SelectObjectContent(stream.Context(), location(req), req.GetKey(), cosbackend.SelectOptions{
		Expression: req.GetExpression(),
		Input:      selectInput(req.GetInput()),
		Output:     selectOutput(req.GetOutput()),
		Progress:   req.GetProgress(),
	})
	if err != nil {
		return err
	}
	defer func() { _ = selection.Close() }() // everything needed of it was read
	for {
		event, err := selection.Next()
		if err == io.EOF { //nolint:errorlint // Next promises io.EOF itself; one inside of another error is no end
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(selectEvent(event)); err != nil {
			return err
		}
	}
}

// selectEvent converts an event. Its records are encoded before Send returns, so that
// they need no copy.
func selectEvent(e cosbackend.SelectEvent) *cosgatev1.SelectObjectContentResponse {
	switch {
	case e.Progress != nil:
		return &cosgatev1.SelectObjectContentResponse{Event: &cosgatev1.SelectObjectContentResponse_Progress{Progress: selectStats(e.Progress)}}
	case e.Stats != nil:
		return &cosgatev1.SelectObjectContentResponse{Event: &cosgatev1.SelectObjectContentResponse_Stats{Stats: selectStats(e.Stats)}}
	}
	return &cosgatev1.SelectObjectContentResponse{Event: &cosgatev1.SelectObjectContentResponse_Records{Records: e.Records}}
}

func selectStats(s *cosbackend.SelectStats) *cosgatev1.SelectStats {
	return &cosgatev1.SelectStats{BytesScanned: s.BytesScanned, BytesProcessed: s.BytesProcessed, BytesReturned: s.BytesReturned}
}

func selectInput(in *cosgatev1.SelectInput) cosbackend.SelectInput {
	out := cosbackend.SelectInput{Compression: in.GetCompressionType()}
	switch f := in.GetFormat().(type) {
	case *cosgatev1.SelectInput_Csv:
		out.CSV = &cosbackend.SelectCSVInput{
			FileHeaderInfo:             f.Csv.GetFileHeaderInfo(),
			RecordDelimiter:            f.Csv.GetRecordDelimiter(),
			FieldDelimiter:             f.Csv.GetFieldDelimiter(),
			QuoteCharacter:             f.Csv.GetQuoteCharacter(),
			QuoteEscapeCharacter:       f.Csv.GetQuoteEscapeCharacter(),
			Comments:                   f.Csv.GetComments(),
			AllowQuotedRecordDelimiter: f.Csv.AllowQuotedRecordDelimiter,
		}
	case *cosgatev1.SelectInput_Json:
		out.JSON = &cosbackend.SelectJSONInput{Type: f.Json.GetType()}
	case *cosgatev1.SelectInput_Parquet:
		out.Parquet = true
	}
	return out
}

func selectOutput(in *cosgatev1.SelectOutput) cosbackend.SelectOutput {
	switch f := in.GetFormat().(type) {
	case *cosgatev1.SelectOutput_Csv:
		return cosbackend.SelectOutput{CSV: &cosbackend.SelectCSVOutput{
			QuoteFields:          f.Csv.GetQuoteFields(),
			RecordDelimiter:      f.Csv.GetRecordDelimiter(),
			FieldDelimiter:       f.Csv.GetFieldDelimiter(),
			QuoteCharacter:       f.Csv.GetQuoteCharacter(),
			QuoteEscapeCharacter: f.Csv.GetQuoteEscapeCharacter(),
		}}
	case *cosgatev1.SelectOutput_Json:
		return cosbackend.SelectOutput{JSON: &cosbackend.SelectJSONOutput{RecordDelimiter: f.Json.GetRecordDelimiter()}}
	}
	return cosbackend.SelectOutput{}
}

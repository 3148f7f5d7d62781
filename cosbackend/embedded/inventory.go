package embedded

import (
	"errors"
	"net/http"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	maxInventories  = 1000
	inventoriesPage = 100
	// inventoryJobs is the kind of the one-off jobs, which no GET shows.
	inventoryJobs = "inventory-job"
)

func inventories() identified {
	return identified{
		sub: "inventory", noun: "BucketInventory", absent: inventoryNotFound, shape: inventoryShape(true), check: checkInventory,
		most: maxInventories, full: inventoryFull,
	}
}

// inventoryShape is that of a job that repeats, or of one that runs once.
func inventoryShape(repeats bool) shape {
	selection := []shape{text("Prefix").perhaps(), tagShape().any(), text("StorageClass").perhaps()}
	filter := branch("Filter", append(
		selection,
		branch("And", selection...).perhaps(),
		branch("Period", leaf("StartTime", between(0, 1<<62)).perhaps(), leaf("EndTime", between(0, 1<<62)).perhaps()).perhaps(),
	)...)
	parts := []shape{
		required("Id").once(), leaf("IncludedObjectVersions", oneOf("All", "Current")).once(), filter.perhaps(),
		branch("OptionalFields", required("Field").any()).perhaps(),
		branch("Destination", branch(
			"COSBucketDestination",
			required("Bucket").once(), text("AccountId").perhaps(), text("Prefix").perhaps(), leaf("Format", oneOf("CSV", "ORC", "Parquet")).once(),
			branch("Encryption", text("SSE-COS").perhaps()).perhaps(),
		).once()).once(),
	}
	if repeats {
		parts = append(parts, leaf("IsEnabled", boolean).once(), branch(
			"Schedule", leaf("Frequency", oneOf("Daily", "Weekly", "Monthly")).once(), leaf("MonthlyDate", between(1, 31)).perhaps(),
		).once())
	}
	return branch("InventoryConfiguration", parts...)
}

func checkInventory(doc *node) error {
	if f := doc.child("Filter"); f != nil {
		return atMostOne(f, "And", "Prefix")
	}
	return nil
}

// postInventory takes a job that runs once. Its id cannot be used for another one
// (E077); no job runs here.
func (s *Server) postInventory(x *exchange) error {
	d := inventories()
	d.shape = inventoryShape(false)
	id, doc, err := d.read(x)
	if err != nil {
		return err
	}
	err = s.putConfig(x, x.config(inventoryJobs, id), doc.canonical(), store.PutConfigOptions{New: true, Most: d.most})
	if errors.Is(err, store.ErrExists) {
		return fail(duplicateInventoryID, "")
	}
	if err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}

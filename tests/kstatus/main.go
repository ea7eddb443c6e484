// Prints what kstatus says of Kubernetes objects.
//
// Reads one JSON object per line from standard input and writes one line per
// object: the status of kstatus (InProgress, Failed, Current, Terminating), a
// tab, and kstatus' message as a JSON string.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		// Kubernetes' own decoder, which keeps integers as what they are.
		raw, object := json.RawMessage{}, unstructured.Unstructured{}
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		if err := object.UnmarshalJSON(raw); err != nil {
			log.Fatal(err)
		}
		result, err := status.Compute(&object)
		if err != nil {
			log.Fatal(err)
		}
		message, err := json.Marshal(result.Message)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintf(out, "%s\t%s\n", result.Status, message)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

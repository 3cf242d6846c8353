import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;

import java.nio.file.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;

/**
 * Spark Structured Streaming between topics, from its checkpoint on as far as the input goes now; and a batch query.
 * Usage: StreamingQueries BOOTSTRAP IN COPY COUNTS FOLDER. IN is copied to COPY record by record (headers too), and
 * COUNTS is told of each key how often it has come. Prints "BATCH n" with the number of records that a batch query over
 * all of IN sees, then "DONE".
 */
public final class StreamingQueries {
  public static void main(String[] args) throws Exception {
    Path folder = Path.of(args[4]);
    SparkSession spark = SparkSession.builder().master("local[2]").appName("conformance")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.warehouse.dir", folder.resolve("warehouse").toString())
        .getOrCreate();
    spark.sparkContext().setLogLevel("ERROR");
    Dataset<Row> in = spark.readStream().format("kafka")
        .option("kafka.bootstrap.servers", args[0])
        .option("subscribe", args[1])
        .option("startingOffsets", "earliest")
        .option("includeHeaders", "true")
        .option("kafka.isolation.level", "read_committed")
        .option("maxOffsetsPerTrigger", 1_500)
        .load();
    StreamingQuery copy = in.select(col("key"), col("value"), col("headers"))
        .writeStream().format("kafka")
        .option("kafka.bootstrap.servers", args[0])
        .option("topic", args[2])
        .option("checkpointLocation", folder.resolve("copy").toString())
        .trigger(Trigger.AvailableNow())
        .start();
    copy.awaitTermination();
    StreamingQuery counts = in.groupBy(col("key").cast("string").as("name")).agg(count(lit(1)).as("times"))
        .select(col("name").as("key"), concat_ws("=", col("name"), col("times").cast("string")).as("value"))
        .writeStream().format("kafka")
        .outputMode("update")
        .option("kafka.bootstrap.servers", args[0])
        .option("topic", args[3])
        .option("checkpointLocation", folder.resolve("counts").toString())
        .trigger(Trigger.AvailableNow())
        .start();
    counts.awaitTermination();
    long seen = spark.read().format("kafka")
        .option("kafka.bootstrap.servers", args[0])
        .option("subscribe", args[1])
        .option("kafka.isolation.level", "read_committed")
        .load().count();
    System.out.println("BATCH " + seen);
    spark.stop();
    System.out.println("DONE");
  }
}

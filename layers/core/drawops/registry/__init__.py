"""The registry: model packages in SageMaker Model Registry, and who approved them."""
